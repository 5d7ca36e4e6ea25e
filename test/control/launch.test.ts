import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { askToFinish } from '../../gateway/control/control-client.ts'
import { hardenedFlags, plainStart } from '../../gateway/control/gateway-start.ts'
import { launchGateway, type Launched } from '../../gateway/control/launch.ts'
import { SallyportError, type ErrorCode } from '../../gateway/core/errors.ts'
import { launchRequest } from './launch-request.ts'

const script = path.join(import.meta.dirname, 'small-gateway.ts')
const folder = mkdtempSync(path.join(tmpdir(), 'sallyport-launch-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function launch(behaviour: string, more: Parameters<typeof launchRequest>[0] = {}, log: string | null = null): Promise<Launched> {
  return launchGateway({
    request: launchRequest({ audience: behaviour, ...more }),
    start: plainStart(script, 'tracked'),
    log,
    startWithinMs: 20_000,
  })
}

describe('launching a gateway', () => {
  it('hands over its endpoints, and its process is gone when it has finished', async () => {
    const { ready, finish, ended } = await launch('ready')
    assert.equal(ready.endpoints[0]?.host, '127.0.0.1')
    assert.equal(isAlive(ready.pid), true)
    const finished = await finish('done')
    assert.deepEqual([finished.run, finished.counts['allowed']], ['run-1', 2])
    assert.equal(await ended, null)
    assert.equal(isAlive(ready.pid), false)
  })

  it('gives the gateway nothing of the environment but what it needs', async () => {
    process.env['NODE_EXTRA_CA_CERTS'] = '/nonexistent/ca.pem'
    process.env['HTTPS_PROXY'] = 'http://127.0.0.1:9'
    try {
      const { ready, finish } = await launch('ready', { environment: { CANARY: 'hidden' } })
      assert.equal(ready.environment['SEEN'], 'HOME,LANG,MALLOC_ARENA_MAX,MALLOC_TRIM_THRESHOLD_,PATH,RUNNER_TRACKING_ID')
      assert.equal(ready.environment['FLAGS'], hardenedFlags.join())
      assert.doesNotMatch(readFileSync(`/proc/${ready.pid}/cmdline`, 'utf8') + readFileSync(`/proc/${ready.pid}/environ`, 'utf8'), /hidden/)
      await finish('done')
    } finally {
      delete process.env['NODE_EXTRA_CA_CERTS']
      delete process.env['HTTPS_PROXY']
    }
  })

  it('passes on a refusal with its code, reason and way out', async () => {
    const error = await failureOf(launch('refuse'))
    assert.deepEqual([error.code, error.message, error.why, error.fix], ['POLICY_INVALID', 'unknown key `rulez`', 'a reason', 'a way out'])
  })

  it('says that the gateway is lost, and its last words, when it dies at start', async () => {
    const error = await failureOf(launch('die'))
    assert.equal(error.code, 'GATEWAY_LOST' satisfies ErrorCode)
    assert.match(error.message, /its status was 9/)
    assert.match(error.why ?? '', /the last words/)
  })

  it('reads the last words from the log file, which only its owner may read', async () => {
    const log = path.join(folder, 'gateway.log')
    const error = await failureOf(launch('die', {}, log))
    assert.match(error.why ?? '', /the last words/)
    assert.equal(statSync(log).mode & 0o777, 0o600)
  })

  it('takes no program for a gateway that speaks otherwise', async () => {
    assert.equal((await failureOf(launch('garbage'))).code, 'GATEWAY_LOST')
  })

  it('ends a gateway that does not get ready in time', async () => {
    const start = plainStart(script, null)
    const error = await failureOf(launchGateway({ request: launchRequest({ audience: 'deaf' }), start, log: null, startWithinMs: 600 }))
    assert.match(error.message, /took longer than 0\.6 s to start/)
  })

  it('notices when the gateway is killed, and does not take that for an end', async () => {
    const { ready, ended, finish } = await launch('ready')
    process.kill(ready.pid, 'SIGKILL')
    const lost = await ended
    assert.equal(lost?.code, 'GATEWAY_LOST')
    assert.match(lost.message, /ended by SIGKILL/)
    await assert.rejects(finish('done'), { code: 'GATEWAY_LOST' })
  })

  it('does not leave a gateway behind whose launcher let go without naming a process to watch', async () => {
    const { ended, letGo } = await launch('ready')
    letGo()
    assert.equal((await ended)?.code, 'GATEWAY_LOST')
  })

  it('lets a gateway live on that watches a process, until it is asked to finish', async () => {
    const { ready, ended, letGo } = await launch('ready', { watchPid: process.pid })
    letGo()
    const finished = await askToFinish(ready.control, 10_000)
    assert.equal(finished.key, ready.key)
    await ended
    assert.equal(isAlive(ready.pid), false)
    await assert.rejects(askToFinish(ready.control, 5000), { code: 'GATEWAY_LOST' })
  })

  it('does not open the inspector on SIGUSR1', async () => {
    const { ready, finish } = await launch('ready')
    process.kill(ready.pid, 'SIGUSR1')
    await assert.rejects(fetch('http://127.0.0.1:9229/json'))
    assert.equal((await finish('done')).run, 'run-1')
  })
})

async function failureOf(launched: Promise<Launched>): Promise<SallyportError> {
  const error = await launched.then(
    () => null,
    (error: unknown) => error,
  )
  assert.ok(error instanceof SallyportError, 'the launch must fail')
  return error
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('Z') === false
  } catch {
    return false
  }
}
