// A gateway's stand-in that commits until it cannot, and says which commands it let through and why it stopped.
import { writeSync } from 'node:fs'
import { systemClock } from '../../gateway/core/clock.ts'
import { SallyportError } from '../../gateway/core/errors.ts'
import { openRunLog } from '../../gateway/record/run-log.ts'
import { commandOf, openingOf, origin } from './recordings.ts'

// The kernel would end the process; as a service it is told instead.
process.on('SIGXFSZ', () => {})
const log = openRunLog({ dir: process.argv[2] ?? '', origin, clock: systemClock })
try {
  log.commit(null, [openingOf(log.key)], 'written')
  for (;;) {
    const command = log.nextCommand()
    log.commit('s-1', commandOf(command, `SELECT '${'x'.repeat(500)}'`), 'written')
    writeSync(1, `${command}\n`)
  }
} catch (error) {
  if (!(error instanceof SallyportError)) throw error
  writeSync(1, `${error.code} ${error.why ?? ''}\n`)
}
