// The gateway's process: one run, told over the pipe, until somebody asks for its end or nobody is left; or one look at the targets.
// The composition root is this file and the others beside it; nothing else imports across rooms.
import { guardProcess, selfCheck } from './adapter/isolation/self-check.ts'
import { openControlServer } from './control/control-server.ts'
import { failedOf } from './control/gateway-error.ts'
import { hardenedFlags } from './control/gateway-start.ts'
import type { Finished } from './control/protocol.ts'
import { openLauncherPipe } from './control/stdin-messages.ts'
import { watchLauncher } from './control/watch-dog.ts'
import { systemClock } from './core/clock.ts'
import { openRun } from './run.ts'
import { inspectTargets } from './run-inspection.ts'

guardProcess()
const pipe = openLauncherPipe(process.stdin, process.stdout)
const stop = new AbortController()
let isReady = false

try {
  await serve()
} catch (error) {
  if (process.env['SALLYPORT_DEBUG'] !== undefined) process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : ''}\n`)
  pipe.send(failedOf(error))
  leave(1)
}

async function serve(): Promise<void> {
  const launch = await pipe.readRequest()
  if (launch.kind === 'inspect') {
    pipe.onLauncherGone(() => stop.abort(new Error('its launcher is gone')))
    pipe.send(await inspectTargets(launch, systemClock, stop.signal))
    leave(0)
    return
  }
  const warnings = selfCheck({ isolation: launch.isolation, flags: hardenedFlags })
  // A launcher that dies while the run is being opened must not leave it behind.
  if (launch.watchPid === null) pipe.onLauncherGone(() => stop.abort(new Error('its launcher is gone')))
  const run = await openRun(launch, systemClock, stop.signal)
  const finish = (reason: string): Promise<Finished> => run.finish(reason)
  const control = await openControlServer({ finish: reason => endAfter(finish(reason)), status: run.status })
  const tell = (finished: Promise<Finished>): void =>
    void endAfter(finished).then(
      message => pipe.send(message),
      error => pipe.send(failedOf(error)),
    )
  pipe.onFinish(reason => tell(finish(reason)))
  watchLauncher(launch, {
    onEnd: reason => tell(finish(reason)),
    onLauncherGone: callback => pipe.onLauncherGone(callback),
    isReady: () => isReady,
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => tell(finish(`the gateway got ${signal}`)))
  isReady = true
  pipe.send({
    kind: 'ready',
    ...run.ready,
    warnings: [...warnings, ...run.ready.warnings],
    control: { port: control.port, secret: control.secret },
    pid: process.pid,
  })
}

/** The process ends a moment after its last answer, so that the answer is read. */
async function endAfter(finished: Promise<Finished>): Promise<Finished> {
  try {
    return await finished
  } finally {
    setImmediate(() => leave(0))
  }
}

function leave(status: number): void {
  process.exitCode = status
  // What is still queued on the pipe goes out first; a pipe nobody reads must not keep the process.
  process.stdout.write('', () => setTimeout(() => process.exit(), 50))
  setTimeout(() => process.exit(), 2_000).unref()
}
