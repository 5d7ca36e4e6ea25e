// A gateway's stand-in that is killed: commits commands and tells its parent, one number a line, what is committed.
import { writeSync } from 'node:fs'
import { systemClock } from '../../gateway/core/clock.ts'
import { openRunLog } from '../../gateway/record/run-log.ts'
import { auditor, commandOf, openingOf, origin } from './recordings.ts'

const dir = process.argv[2] ?? ''
const encryptTo = process.argv[3] === 'sealed' ? [auditor().recipient] : []
const log = openRunLog({ dir, origin, clock: systemClock, encryptTo, limits: { checkpointLines: 50, checkpointGapMs: 0 } })
log.commit(null, [openingOf(log.key)], 'written')
for (;;) {
  const command = log.nextCommand()
  log.append('s-1', { kind: 'result', command: command - 1, tag: 'SELECT 1', rows: 1, durationMs: 1 })
  const isFlagged = command % 97 === 0
  log.commit(
    's-1',
    commandOf(command, `SELECT '${'x'.repeat(command % 400)}'`, isFlagged ? 'ask' : 'allow'),
    isFlagged ? 'synced' : 'written',
  )
  // Only now would the command's first byte leave.
  writeSync(1, `${command}\n`)
}
