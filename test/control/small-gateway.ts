// A gateway without protocols, for tests of what surrounds one: it answers a launch, keeps a "credential" in memory, and finishes.
// What it does is said in the launch's `audience`: `ready`, `refuse`, `die`, `silent` (until its launcher is gone), `deaf`, `garbage`.
import { generateKeyPairSync } from 'node:crypto'
import { openControlServer } from '../../gateway/control/control-server.ts'
import { failedOf } from '../../gateway/control/gateway-error.ts'
import { openLauncherPipe } from '../../gateway/control/stdin-messages.ts'
import { clientEnvironment, type Door } from '../../gateway/control/client-environment.ts'
import { watchLauncher } from '../../gateway/control/watch-dog.ts'
import { SallyportError } from '../../gateway/core/errors.ts'
import type { Finished } from '../../gateway/control/protocol.ts'
import { guardProcess, selfCheck } from '../../gateway/adapter/isolation/self-check.ts'

const pipe = openLauncherPipe(process.stdin, process.stdout)
const launch = await pipe.readRequest()
if (launch.kind !== 'launch') throw new Error('not a launch')
guardProcess()
const credential = Buffer.from(`canary-${launch.environment['CANARY'] ?? 'none'}`)

const finished: Finished = {
  kind: 'finished',
  run: 'run-1',
  key: 'sallyport+00000000+AAAA',
  out: launch.out,
  counts: { allowed: 2, denied: Number(launch.environment['DENIED'] ?? 0), bytes: credential.length },
  summary: '### Sallyport: 2 allowed\n',
  words: ['sealed run-1'],
  warnings: [],
  artifactUrl: 'https://github.com/acme/shop/actions/runs/1/artifacts/7',
}
let isOver = false
let isReady = false
const finish = (): Promise<Finished> => {
  if (!isOver) setTimeout(() => process.exit(0), 50)
  isOver = true
  return Promise.resolve(finished)
}
pipe.onFinish(() => {
  void finish().then(message => pipe.send(message))
})

switch (launch.audience) {
  case 'die':
    process.stderr.write('the last words\n')
    process.exit(9)
  case 'refuse':
    pipe.send(failedOf(new SallyportError('POLICY_INVALID', 'unknown key `rulez`', { why: 'a reason', fix: 'a way out' })))
    process.exit(2)
  case 'garbage':
    process.stdout.write('hello, I am no gateway\n')
    process.exit(0)
  case 'silent':
    pipe.onLauncherGone(() => process.exit(1))
    setInterval(() => undefined, 1000)
    break
  case 'deaf':
    setInterval(() => undefined, 1000)
    break
  default: {
    let warnings: readonly string[] = []
    try {
      warnings = selfCheck({ isolation: launch.isolation, flags: process.execArgv })
    } catch (error) {
      pipe.send(failedOf(error))
      process.exit(125)
    }
    watchLauncher(launch, { onEnd: () => void finish(), onLauncherGone: callback => pipe.onLauncherGone(callback), isReady: () => isReady })
    const control = await openControlServer({ finish, status: () => ({ run: 'run-1' }) })
    const { endpoints, environment, files, hide } = clientEnvironment(
      [
        { protocol: 'postgres', name: 'orders-db', port: 5432, ticket: 'ticket-of-this-run', user: 'ci', database: 'orders' },
        ...(launch.environment['SSH'] === undefined ? [] : [sshDoor()]),
      ],
      launch.clientDir,
    )
    isReady = true
    pipe.send({
      kind: 'ready',
      run: finished.run,
      key: finished.key,
      endpoints,
      environment: { ...environment, SEEN: Object.keys(process.env).toSorted().join(','), FLAGS: process.execArgv.join(',') },
      files,
      hide,
      remove: launch.environment['DB_PASSWORD'] === undefined ? [] : ['DB_PASSWORD'],
      control: { port: control.port, secret: control.secret },
      pid: process.pid,
      words: ['identity repo:acme/shop'],
      warnings,
    })
  }
}

function sshDoor(): Door {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const clientKey = privateKey.export({ type: 'sec1', format: 'pem' }).toString()
  const hostKey = 'ssh-ed25519 AAAA'
  return {
    protocol: 'ssh',
    name: 'web',
    port: 2222,
    ticket: 'ticket-for-ssh',
    user: 'deploy',
    address: 'web-1.internal',
    clientKey,
    hostKey,
  }
}
