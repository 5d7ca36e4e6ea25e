import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { describe, it } from 'node:test'
import { openApprovalDesk } from '../../gateway/session/approval-desk.ts'
import { openFrontDesk } from '../../gateway/session/front-desk.ts'
import { newTicket } from '../../gateway/session/ticket.ts'
import { FakeClock } from './fake-clock.ts'
import { MemoryRecorder } from './memory-recorder.ts'
import { identity, noMasks, orders, policyThat, run, sql } from './samples.ts'

function deskWith(maxSessions = 10) {
  const recorder = new MemoryRecorder()
  const clock = new FakeClock()
  const ticket = newTicket()
  const desk = openFrontDesk({
    connection: orders,
    ticket,
    identity,
    run,
    policy: policyThat(() => ({ outcome: 'allow', rule: 'reads', because: null })),
    masker: noMasks,
    recorder,
    approvals: openApprovalDesk({ channel: null, run, clock }),
    leases: { borrow: () => Promise.reject(new Error('not here')) },
    clock,
    keptRows: 7,
    maxSessions,
  })
  return { desk, recorder, clock, ticket }
}

const options = { bytes: () => Buffer.alloc(0), signal: new AbortController().signal, onHeld: () => undefined, notes: [] }
const psql = { application: 'psql', login: 'ci' }

describe('ticket', () => {
  it('has 160 random bits in base32', () => {
    const tickets = Array.from({ length: 200 }, newTicket)
    for (const ticket of tickets) assert.match(ticket, /^[a-z2-7]{32}$/)
    assert.equal(new Set(tickets).size, 200)
  })
})

describe('front desk', () => {
  it('knows its ticket and no other, of any length', () => {
    const { desk, ticket } = deskWith()
    assert.ok(desk.isTicket(Buffer.from(ticket)))
    for (const wrong of ['', ticket.slice(1), `${ticket}x`, ticket.toUpperCase(), newTicket()])
      assert.ok(!desk.isTicket(Buffer.from(wrong)))
  })

  it('salts the ticket as PBKDF2 says', () => {
    const { desk, ticket } = deskWith()
    const salt = Buffer.from('0123456789abcdef')
    assert.deepEqual(desk.saltedTicket(salt, 4096), pbkdf2Sync(ticket, salt, 4096, 32, 'sha256'))
    assert.equal(desk.saltedTicket(salt, 4096), desk.saltedTicket(salt, 4096))
  })

  it('records the beginning and the end of a session, once', async () => {
    const { desk, recorder, clock } = deskWith()
    const session = desk.checkIn(psql)
    void session.admit([sql('SELECT 1'), sql('SELECT 2')], options)
    await clock.advance(1_500)
    session.checkOut('the client left')
    session.checkOut('again')
    assert.deepEqual(
      recorder.of('session.open').map(({ connection, client, user }) => [connection, client, user]),
      [['orders-db', 'psql', 'ci']],
    )
    assert.deepEqual(
      recorder.of('session.close').map(({ reason, commands, durationMs }) => [reason, commands, durationMs]),
      [['the client left', 2, 1_500]],
    )
    assert.ok(recorder.kept.every(({ session: id }) => id === session.id))
    assert.throws(() => session.admit([sql('SELECT 3')], options))
    assert.equal(session.keptRows, 7)
  })

  it('opens no more sessions than its bound, and frees the place of one that left', () => {
    const { desk } = deskWith(2)
    const first = desk.checkIn(psql)
    desk.checkIn(psql)
    assert.throws(() => desk.checkIn(psql), { code: 'NOT_AUTHORISED' })
    first.checkOut('done')
    first.checkOut('done')
    desk.checkIn(psql)
    assert.throws(() => desk.checkIn(psql), { code: 'NOT_AUTHORISED' })
  })

  it('opens no session when the recording cannot be written', () => {
    const { desk, recorder } = deskWith()
    recorder.failAt(() => true)
    assert.throws(() => desk.checkIn(psql), { code: 'RECORDING_FAILED' })
    assert.throws(() => desk.checkIn(psql), { code: 'RECORDING_FAILED' })
  })

  it('lets a session end although the recording has failed', () => {
    const { desk, recorder } = deskWith()
    const session = desk.checkIn(psql)
    recorder.failAt(() => true)
    session.checkOut('the recording failed')
    assert.ok(recorder.hasFailed)
  })
})
