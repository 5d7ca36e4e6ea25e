// Takes the place of gateway/core/failpoint.ts in a gateway that is built for tests. Which point, at which time it is passed, and what
// happens then stand in SALLYPORT_FAILPOINT: `log.mid-line 7 kill`. `count FILE` writes down how often each point was passed.
import { writeFileSync, writeSync } from 'node:fs'

const [first = '', second = '', action = ''] = (process.env['SALLYPORT_FAILPOINT'] ?? '').split(' ')
const passed = new Map<string, number>()
if (first === 'count') process.on('exit', () => writeFileSync(second, JSON.stringify(Object.fromEntries(passed))))
let left = Number(second)

export function failpoint(name: string, half?: () => void): void {
  if (first === 'count') passed.set(name, (passed.get(name) ?? 0) + 1)
  if (name !== first) return
  left -= 1
  if (left !== 0) return
  // After a delay everything is done as it was meant: nothing is done twice.
  if (action !== 'delay') half?.()
  act()
}

function act(): void {
  switch (action) {
    case 'kill':
      // So that nobody takes another death for this one.
      writeSync(2, `killed at ${first}\n`)
      process.kill(process.pid, 'SIGKILL')
      // The signal is there before the call returns; should it ever not be, nothing more may happen here.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      return
    case 'delay':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
      return
    case 'ENOSPC':
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    case 'throw':
      throw new Error('thrown by a failpoint')
    default:
      writeSync(2, `unknown action ${action}\n`)
  }
}
