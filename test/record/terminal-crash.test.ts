import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { recoverRunLog } from '../../gateway/record/recover.ts'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { decryptAgeSoFar } from '../../gateway/record/age/age-file.ts'
import { tailOf, withTail } from '../../gateway/record/terminal-tail.ts'
import { readCast } from '../../gateway/terminal/cast.ts'
import type { Cast } from '../../gateway/terminal/cast.ts'
import { auditor, temporaryFolder } from './recordings.ts'

const ROUNDS = 12
const writer = path.join(import.meta.dirname, 'terminal-writer.ts')

let root: string
let remove: () => void
before(() => ({ dir: root, remove } = temporaryFolder()))
after(() => remove())

for (const form of ['plain', 'sealed'] as const)
  describe(`a gateway that is killed while somebody types, its recording ${form}`, () => {
    it(`has everything that was typed and passed on, byte by byte, ${ROUNDS} times at a random moment`, async () => {
      let passedOn = 0
      for (let round = 0; round < ROUNDS; round += 1) {
        const dir = path.join(root, `${form}-${round}`)
        const keys = await killedAfter(dir, form, 1 + Math.floor(Math.random() * 400))
        passedOn += keys
        const cut = castIn(dir, form)
        assert.ok(cut.broken <= 1, 'more than one torn line')
        await recoverRunLog(dir)
        const { events, broken } = castIn(dir, form)
        assert.equal(broken, 0)
        const kept = (kind: string): string =>
          events
            .filter(event => event.kind === kind)
            .map(({ text }) => text)
            .join('')
        const numbers = Array.from({ length: keys }, (_, index) => index + 1)
        assert.ok(kept('i').startsWith(numbers.map(key => `typed ${key}\r`).join('')))
        assert.ok(kept('o').startsWith(numbers.map(key => `shown ${key} ${'é'.repeat(key % 300)}\r\n`).join('')))
        const report = await verifyRecording(dir, { identities: auditor().identities })
        assert.equal(report.verdict, 'incomplete', report.wrong.join('; '))
      }
      // Otherwise the rounds were killed before they did anything.
      assert.ok(passedOn > ROUNDS * 10, `${passedOn} keys`)
    })
  })

function castIn(dir: string, form: 'plain' | 'sealed'): Cast {
  if (form === 'plain') return readCast(readFileSync(path.join(dir, 'sessions/s-1.cast'), 'utf8'))!
  const [name, { identities }] = ['sessions/s-1.cast.age', auditor()]
  const { content, isWhole } = decryptAgeSoFar(readFileSync(path.join(dir, name)), identities)!
  assert.equal(isWhole, false)
  return readCast(withTail(content, readFileSync(path.join(dir, tailOf(name))), identities).toString('utf8'))!
}

/** Kills it some moment after so many keys, which no load of the machine can move. Returns how many keys were passed on. */
async function killedAfter(dir: string, form: string, enough: number): Promise<number> {
  const child = spawn(process.execPath, [writer, dir, form], { stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  const died = once(child, 'close')
  let isDoomed = false
  child.stdout.on('data', (chunk: Buffer) => {
    told += chunk.toString()
    if (isDoomed || told.split('\n').length <= enough) return
    isDoomed = true
    setTimeout(() => child.kill('SIGKILL'), Math.random() * 4)
  })
  await died
  return told.split('\n').length - 1
}
