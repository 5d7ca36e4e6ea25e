import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CredentialSource, Lease } from '../../gateway/core/credential.ts'
import { SallyportError } from '../../gateway/core/errors.ts'
import { Secret } from '../../gateway/core/secret.ts'
import { openLeaseDesk } from '../../gateway/session/lease-desk.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { orders } from './samples.ts'

const signal = new AbortController().signal
const context = { idToken: () => Promise.reject(new Error('no token')), publicKey: null, login: null }

function deskThat(acquire: (times: number, clock: FakeClock) => Promise<Lease>) {
  const clock = new FakeClock()
  let times = 0
  const source: CredentialSource = {
    scheme: 'env',
    acquire: () => {
      times += 1
      return acquire(times, clock)
    },
    close: () => Promise.resolve([]),
  }
  const desk = openLeaseDesk({ sourceFor: () => source, context: () => context, clock, random: () => 0.5 })
  return { desk, clock, times: () => times }
}

function lease(receipt: string, expiresAt: Date | null = null): Lease {
  return { username: null, kind: 'password', secret: new Secret('s'), certificate: null, expiresAt, receipt }
}

describe('lease desk', () => {
  it('asks for nothing before a session needs it, then once for all', async () => {
    const { desk, times } = deskThat(count => Promise.resolve(lease(String(count))))
    assert.equal(times(), 0)
    const [one, other] = await Promise.all([desk.borrow(orders, signal), desk.borrow(orders, signal)])
    assert.equal(one, other)
    assert.equal(await desk.borrow(orders, signal), one)
    assert.equal(times(), 1)
  })

  it('fetches a new one for new sessions when two thirds of its life are over', async () => {
    const { desk, clock, times } = deskThat((count, now) => Promise.resolve(lease(String(count), new Date(now.now().getTime() + 60_000))))
    const first = await desk.borrow(orders, signal)
    await clock.advance(39_000)
    assert.equal(await desk.borrow(orders, signal), first)
    await clock.advance(2_000)
    assert.equal(await desk.borrow(orders, signal), first)
    await settle()
    assert.equal((await desk.borrow(orders, signal)).receipt, '2')
    assert.equal(times(), 2)
  })

  it('replaces a lease that the target refused, once for all who were refused, and not again at once', async () => {
    const { desk, clock, times } = deskThat(count => Promise.resolve(lease(String(count))))
    const first = await desk.borrow(orders, signal)
    assert.equal(await desk.borrow(orders, signal, first), first, 'it was fetched a moment ago')
    await clock.advance(11_000)
    const [one, other] = await Promise.all([desk.borrow(orders, signal, first), desk.borrow(orders, signal, first)])
    assert.equal(one.receipt, '2')
    assert.equal(other, one)
    assert.equal(await desk.borrow(orders, signal, first), one, 'who comes late with the old one gets the new one')
    assert.equal(await desk.borrow(orders, signal, one), one)
    assert.equal(times(), 2)
  })

  it('never lends what has expired', async () => {
    const { desk, clock } = deskThat((count, now) =>
      count === 1
        ? Promise.resolve(lease('1', new Date(now.now().getTime() + 60_000)))
        : Promise.reject(new SallyportError('CREDENTIAL_UNAVAILABLE', 'vault is down')),
    )
    await desk.borrow(orders, signal)
    await clock.advance(61_000)
    await assert.rejects(desk.borrow(orders, signal), { code: 'CREDENTIAL_UNAVAILABLE' })
  })

  it('refuses new sessions after three failures, and takes up again when the source is back', async () => {
    let isDown = true
    const { desk, clock } = deskThat((count, now) =>
      count > 1 && isDown
        ? Promise.reject(new SallyportError('CREDENTIAL_UNAVAILABLE', 'vault is down'))
        : Promise.resolve(lease(String(count), new Date(now.now().getTime() + 600_000))),
    )
    const first = await desk.borrow(orders, signal)
    await clock.advance(420_000)
    for (let failures = 0; failures < 3; failures += 1) {
      assert.equal(await desk.borrow(orders, signal), first)
      await clock.advance(3_000)
    }
    await assert.rejects(desk.borrow(orders, signal), { code: 'CREDENTIAL_UNAVAILABLE' })
    isDown = false
    await clock.advance(3_000)
    assert.notEqual(await desk.borrow(orders, signal), first)
  })

  it('says which reference has no source', async () => {
    const desk = openLeaseDesk({ sourceFor: () => null, context: () => context, clock: new FakeClock() })
    await assert.rejects(desk.borrow(orders, signal), /no source for env:\/\/ORDERS/)
  })

  it('does not take the lease from others when one client goes away', async () => {
    const given: ((lease: Lease) => void)[] = []
    const { desk } = deskThat(() => new Promise(resolve => given.push(resolve)))
    const left = new AbortController()
    const one = desk.borrow(orders, left.signal)
    const other = desk.borrow(orders, signal)
    left.abort()
    await assert.rejects(one, { code: 'CREDENTIAL_UNAVAILABLE' })
    given[0]?.(lease('1'))
    assert.equal((await other).receipt, '1')
  })
})
