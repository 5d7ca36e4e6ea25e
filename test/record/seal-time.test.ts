// A cancelled job has ten seconds, and sealing may take three of them: counted as time of the processor, which no load of the machine moves much.
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { auditor, commandOf, logIn, openingOf, temporaryFolder } from './recordings.ts'

const COMMANDS = 5000
/** Few bytes that ask a large screen for all of its cells. */
const BUSY = '\u001b[1000@\u001b[500L\u001b[H'

let root: string
let remove: () => void
before(() => ({ dir: root, remove } = temporaryFolder()))
after(() => remove())

describe('a run that ends after thousands of commands and terminals that kept their screens busy', () => {
  for (const [form, encryptTo] of [
    ['plain', []],
    ['sealed', [auditor().recipient]],
  ] as const)
    it(`is sealed in less than 3 s, ${form}`, async () => {
      const { log } = logIn(path.join(root, form), { encryptTo })
      log.commit(null, [openingOf(log.key)], 'synced')
      for (let n = 0; n < COMMANDS; n += 1) {
        const command = log.nextCommand()
        log.commit('s-1', commandOf(command, `SELECT ${n} FROM t WHERE x = '${'z'.repeat(200)}'`), 'written')
        log.append('s-1', { kind: 'rows', command, columns: ['a', 'b'], rows: [['1', '[redacted]']], omitted: 0 })
        log.append('s-1', { kind: 'result', command, tag: 'SELECT 1', rows: 1, durationMs: 1 })
      }
      for (let n = 1; n <= 8; n += 1) {
        const terminal = log.openTerminal(`s-${n}`, n, { columns: 1000, rows: 1000 }, 'web')
        terminal.output(Buffer.from(BUSY.repeat(10_000)))
        terminal.close()
      }
      const started = process.cpuUsage()
      const { counts } = await log.seal({ reason: 'cancelled' })
      const { user, system } = process.cpuUsage(started)
      assert.equal(counts.commands, COMMANDS)
      assert.ok((user + system) / 1e6 < 3, `${(user + system) / 1e6} s`)
    })
})
