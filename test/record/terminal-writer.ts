// A gateway's stand-in that is killed: records what a terminal shows and what is typed in it, and tells its parent what may be passed on.
import { writeSync } from 'node:fs'
import { systemClock } from '../../gateway/core/clock.ts'
import { openRunLog } from '../../gateway/record/run-log.ts'
import { auditor, commandOf, openingOf, origin } from './recordings.ts'

const encryptTo = process.argv[3] === 'sealed' ? [auditor().recipient] : []
const log = openRunLog({ dir: process.argv[2] ?? '', origin, clock: systemClock, encryptTo })
log.commit(null, [openingOf(log.key)], 'written')
log.commit('s-1', commandOf(log.nextCommand(), 'shell'), 'written')
const terminal = log.openTerminal('s-1', 1, { columns: 80, rows: 24 }, 'web: command 1')
for (let key = 1; ; key += 1) {
  terminal.output(Buffer.from(`shown ${key} ${'é'.repeat(key % 300)}\r\n`))
  terminal.input(Buffer.from(`typed ${key}\r`))
  // Only now would what was typed leave, and what was shown before it be seen.
  writeSync(1, `${key}\n`)
}
