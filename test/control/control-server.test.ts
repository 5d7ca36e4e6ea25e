import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openControlServer } from '../../gateway/control/control-server.ts'
import { watchLauncher, type Sight } from '../../gateway/control/watch-dog.ts'

describe('the control listener', () => {
  it('does nothing for whoever lacks the secret, and only what it offers for who has it', async () => {
    let finishes = 0
    const control = await openControlServer({
      finish: () => {
        finishes += 1
        return Promise.reject(new Error('not in this test'))
      },
      status: () => ({ run: 'r1' }),
    })
    const ask = (method: string, where: string, secret: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${control.port}${where}`, { method, headers: { authorization: `Bearer ${secret}`, connection: 'close' } })
    try {
      for (const secret of ['', 'x', `${control.secret}x`, control.secret.slice(1)])
        assert.equal((await ask('POST', '/finish', secret)).status, 403)
      assert.equal(finishes, 0)
      assert.equal((await ask('GET', '/finish', control.secret)).status, 404)
      assert.equal((await ask('POST', '/', control.secret)).status, 404)
      assert.deepEqual(await (await ask('GET', '/status', control.secret)).json(), { run: 'r1' })
      assert.equal(finishes, 0)
    } finally {
      control.close()
    }
  })
})

describe('the watch-dog', () => {
  it('ends a gateway whose pipe closes, once', () => {
    const { reasons, pipeCloses } = dog({ watchPid: null, timeToLiveMs: null })
    pipeCloses()
    pipeCloses()
    assert.deepEqual(reasons, ['its launcher is gone'])
  })

  it('lets a gateway of a job outlive its launcher, but not the job', () => {
    const { reasons, tick, setBirth, pipeCloses } = dog({ watchPid: 7, timeToLiveMs: null })
    pipeCloses()
    tick()
    assert.deepEqual(reasons, [])
    setBirth(null)
    tick()
    tick()
    assert.deepEqual(reasons, ['the job is gone'])
  })

  it('is not fooled by a later process with the same id', () => {
    const { reasons, tick, setBirth } = dog({ watchPid: 7, timeToLiveMs: null })
    setBirth('born later')
    tick()
    assert.deepEqual(reasons, ['the job is gone'])
  })

  it('ends a gateway that nobody took over, and one whose time is up', () => {
    const early = dog({ watchPid: 7, timeToLiveMs: null }, false)
    early.pipeCloses()
    assert.deepEqual(early.reasons, ['its launcher is gone'])
    const old = dog({ watchPid: null, timeToLiveMs: 5 })
    old.tick()
    assert.deepEqual(old.reasons, ['its time to live is over'])
  })
})

/** A watch-dog whose world the test moves by hand. */
function dog(request: { watchPid: number | null; timeToLiveMs: number | null }, isReady = true) {
  const reasons: string[] = []
  const timers: (() => void)[] = []
  const closings: (() => void)[] = []
  let birth: string | null = 'born'
  const keep = (_: number, callback: () => void): (() => void) => {
    timers.push(callback)
    return () => undefined
  }
  const sight: Sight = { birthOf: () => birth, every: keep, after: keep }
  watchLauncher(
    request,
    { onEnd: reason => void reasons.push(reason), onLauncherGone: callback => void closings.push(callback), isReady: () => isReady },
    sight,
  )
  return {
    reasons,
    tick: () => timers.forEach(timer => timer()),
    setBirth: (next: string | null) => (birth = next),
    pipeCloses: () => closings.forEach(closing => closing()),
  }
}
