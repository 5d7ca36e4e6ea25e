// What is remembered of tokens and time: used ones, runs that are bound, and a clock that may jump.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IssuerClock } from '../../../gateway/adapter/oidc/issuer-clock.ts'
import { createReplayMemory } from '../../../gateway/adapter/oidc/replay-memory.ts'
import { createRunBindings } from '../../../gateway/adapter/oidc/run-binding.ts'
import type { VerifiedToken } from '../../../gateway/core/token.ts'
import { SetClock, signal } from './token-bench.ts'

function tokenOf(claims: Readonly<Record<string, unknown>>, tokenDigest: string): VerifiedToken {
  return { issuer: 'github', iss: 'https://issuer.example', subject: 's', claims, expiresAt: new Date(Date.now() + 60_000), tokenDigest }
}

describe('memory of used tokens', () => {
  it('lets each (iss, jti) through once, and does not mix up where one name ends and the other begins', async () => {
    const clock = new SetClock()
    const memory = createReplayMemory(clock)
    const until = new Date(clock.wallMs + 60_000)
    assert.equal(await memory.take('a', 'bc', until, signal), true)
    assert.equal(await memory.take('ab', 'c', until, signal), true)
    assert.equal(await memory.take('a', 'bc', until, signal), false)
  })

  it('forgets nothing that could still be presented, even when the wall clock jumps', async () => {
    const clock = new SetClock()
    const memory = createReplayMemory(clock, 2)
    await memory.take('a', '1', new Date(clock.wallMs + 60_000), signal)
    await memory.take('a', '2', new Date(clock.wallMs + 60_000), signal)
    clock.wallMs += 3_600_000
    assert.equal(await memory.take('a', '1', new Date(clock.wallMs + 60_000), signal), false)
    assert.equal(await memory.take('a', '3', new Date(clock.wallMs + 60_000), signal), false, 'full: refused, not forgotten')
    clock.steadyMs += 200_000
    assert.equal(await memory.take('a', '3', new Date(clock.wallMs + 60_000), signal), true)
  })
})

describe('run binding', () => {
  const run = { repository_id: '1', run_id: '100', run_attempt: '1', check_run_id: '7' }

  it('welcomes the key that opened the run, with further tokens too', () => {
    const bindings = createRunBindings(new SetClock())
    bindings.bind(tokenOf(run, 'first'), 'key')
    bindings.bind(tokenOf(run, 'first'), 'key')
    bindings.bind(tokenOf(run, 'second'), 'key')
  })

  it('refuses another key, and says whether the token was stolen or minted beside it', () => {
    const bindings = createRunBindings(new SetClock())
    bindings.bind(tokenOf(run, 'first'), 'key')
    assert.throws(() => bindings.bind(tokenOf(run, 'first'), 'thief'), { reason: 'binding_mismatch' })
    assert.throws(() => bindings.bind(tokenOf(run, 'second'), 'thief'), { reason: 'run_already_bound' })
  })

  it('keeps attempts, jobs, runs and repositories apart', () => {
    const bindings = createRunBindings(new SetClock())
    bindings.bind(tokenOf(run, 'first'), 'key')
    for (const change of [{ run_attempt: '2' }, { check_run_id: '8' }, { run_id: '101' }, { repository_id: '2' }]) {
      bindings.bind(tokenOf({ ...run, ...change }, 'other'), 'another key')
    }
  })

  it('is bounded, and refuses when full', () => {
    const bindings = createRunBindings(new SetClock(), 1)
    bindings.bind(tokenOf(run, 'first'), 'key')
    assert.throws(() => bindings.bind(tokenOf({ ...run, run_id: '101' }, 'other'), 'key'), { reason: 'run_already_bound' })
  })
})

describe('clock of an issuer', () => {
  it('goes on when the wall clock is set back, without any answer of the issuer', () => {
    const clock = new SetClock()
    const issuerClock = new IssuerClock(clock)
    const before = issuerClock.nowSec()
    clock.pass(10_000)
    clock.wallMs -= 3_600_000
    assert.equal(Math.round(issuerClock.nowSec() - before), 10)
    assert.deepEqual(issuerClock.skewWords(5), {}, 'nobody can say whose clock is wrong')
  })

  it('takes the issuer’s time, and the age of a cached answer', () => {
    const clock = new SetClock()
    // HTTP dates are whole seconds.
    clock.wallMs -= clock.wallMs % 1_000
    const issuerClock = new IssuerClock(clock)
    issuerClock.observe({ date: new Date(clock.wallMs + 100_000).toUTCString(), age: '20' })
    assert.equal(Math.round(issuerClock.nowSec() - clock.wallMs / 1_000), 120)
    assert.match(issuerClock.skewWords(5).why ?? '', /by 120 s/)
    issuerClock.observe({ date: 'not a date' })
    assert.equal(Math.round(issuerClock.nowSec() - clock.wallMs / 1_000), 120)
  })
})
