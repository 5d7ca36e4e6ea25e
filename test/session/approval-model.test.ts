// Everything that can happen around a request, in any order: a release must be right at the moment it happens, and stay the only verdict.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Answer } from '../../gateway/core/approval-channel.ts'
import type { Verdict } from '../../gateway/core/decision.ts'
import { openApprovalDesk, type OpenApprovalDesk } from '../../gateway/session/approval-desk.ts'
import { FakeChannel, down, person } from './fake-channel.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { dba, requestOf, run, sql } from './samples.ts'

const people = [person(1, 'dana'), person(2, 'rex'), person(3, 'kim'), person(4, 'sam'), person(5, 'bot', 'Bot')]
const TIMEOUT_MS = 120_000
const QUORUM = 2

class World {
  readonly clock = new FakeClock()
  readonly channel = new FakeChannel()
  readonly desk: OpenApprovalDesk
  readonly left = new AbortController()
  readonly head = this.channel.head
  code = ''
  postedId = 0
  verdicts: Verdict[] = []
  wrong: string[] = []

  constructor() {
    for (const { id } of people.slice(0, 2)) this.channel.approvers.add(id)
    this.channel.approvers.add(4)
    this.channel.requesters.add(4)
    this.desk = openApprovalDesk({ channel: this.channel, run, clock: this.clock, random: () => 0.5 })
  }

  async open(): Promise<void> {
    const group = { ...dba, count: QUORUM, timeoutMs: TIMEOUT_MS }
    void this.desk
      .ask(
        requestOf(sql('DELETE FROM carts'), { approvers: group }),
        { onHeld: hold => (this.code = hold.code), onPosted: () => (this.postedId = this.channel.id()), onRefused: () => undefined },
        this.left.signal,
      )
      .then(verdict => this.#judge(verdict))
    await settle()
  }

  /** What an auditor would demand of a release, from the state of the world at that moment. */
  #judge(verdict: Verdict): void {
    this.verdicts.push(verdict)
    if (verdict.outcome !== 'approved') return
    const { channel } = this
    const demand = (isTrue: boolean, what: string): void => {
      if (!isTrue) this.wrong.push(what)
    }
    const eligible = new Set(channel.answers.filter(answer => this.#counts(answer)).map(({ person }) => person.id))
    demand(channel.trouble === null, 'the API was down')
    demand(channel.state === 'open', 'the thread was closed')
    demand(channel.head === this.head, 'the head had moved')
    demand(!channel.isAltered, 'the request was altered')
    demand(!this.left.signal.aborted, 'the client had left')
    demand(this.clock.monotonicMs() < TIMEOUT_MS, 'the time was over')
    demand(verdict.by.length >= QUORUM && new Set(verdict.by.map(({ id }) => id)).size === verdict.by.length, 'too few different people')
    demand(
      verdict.by.every(({ id }) => eligible.has(id)),
      'somebody did not count',
    )
  }

  #counts({ person, body, isEdited, isThroughApp }: Answer): boolean {
    return (
      body === `/sallyport approve ${this.code}` &&
      !isEdited &&
      !isThroughApp &&
      person.type === 'User' &&
      this.channel.approvers.has(person.id) &&
      !this.channel.requesters.has(person.id)
    )
  }
}

interface Event {
  readonly name: string
  readonly act: (world: World) => void | Promise<void>
}

const someone = fc.constantFrom(...people)
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 8,
    arbitrary: someone.map(
      who =>
        ({
          name: `${who.login} approves`,
          act: world => void world.channel.write(who, `/sallyport approve ${world.code}`),
        }) satisfies Event,
    ),
  },
  {
    weight: 1,
    arbitrary: someone.map(
      who =>
        ({ name: `${who.login} denies`, act: world => void world.channel.write(who, `/sallyport deny ${world.code} no`) }) satisfies Event,
    ),
  },
  {
    weight: 1,
    arbitrary: someone.map(
      who =>
        ({
          name: `an app approves for ${who.login}`,
          act: world => void world.channel.write(who, `/sallyport approve ${world.code}`, { isThroughApp: true }),
        }) satisfies Event,
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat(5).map(
      at =>
        ({
          name: `answer ${at} is edited into an approval`,
          act: world => {
            const answer = world.channel.answers[at]
            if (answer !== undefined) world.channel.replace(answer.id, { isEdited: true, body: `/sallyport approve ${world.code}` })
          },
        }) satisfies Event,
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(5).map(
      at =>
        ({
          name: `answer ${at} is deleted`,
          act: world => world.channel.replace(world.channel.answers[at]?.id ?? 0, null),
        }) satisfies Event,
    ),
  },
  {
    weight: 2,
    arbitrary: someone.map(
      who => ({ name: `${who.login} is removed`, act: world => void world.channel.approvers.delete(who.id) }) satisfies Event,
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(...people.slice(0, 2))
      .map(who => ({ name: `${who.login} is added`, act: world => void world.channel.approvers.add(who.id) }) satisfies Event),
  },
  { weight: 1, arbitrary: fc.constant<Event>({ name: 'commits are pushed', act: world => void (world.channel.head = 'b'.repeat(40)) }) },
  { weight: 1, arbitrary: fc.constant<Event>({ name: 'the thread is closed', act: world => void (world.channel.state = 'closed') }) },
  { weight: 1, arbitrary: fc.constant<Event>({ name: 'the request is altered', act: world => void (world.channel.isAltered = true) }) },
  { weight: 1, arbitrary: fc.constant<Event>({ name: 'the client leaves', act: world => world.left.abort() }) },
  {
    weight: 1,
    arbitrary: fc.boolean().map(
      isDown =>
        ({
          name: isDown ? 'the API is down' : 'the API is up',
          act: world => void (world.channel.trouble = isDown ? down : null),
        }) satisfies Event,
    ),
  },
  {
    weight: 6,
    arbitrary: fc.integer({ min: 500, max: 20_000 }).map(
      ms =>
        ({
          name: `${ms} ms pass`,
          act: async world => {
            world.channel.serverSeconds += Math.floor(ms / 1_000)
            await world.clock.advance(ms)
          },
        }) satisfies Event,
    ),
  },
)

describe('approvals, whatever happens in whatever order', () => {
  let approved = 0

  it('releases only what an auditor would, once, and always comes to an end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 3, maxLength: 25 }), async events => {
        const world = new World()
        await world.open()
        for (const { act } of events) await act(world)
        world.channel.trouble = null
        await world.clock.advance(TIMEOUT_MS + 1_000)
        assert.deepEqual(world.wrong, [], events.map(({ name }) => name).join(', '))
        assert.equal(world.verdicts.length, 1)
        if (world.verdicts[0]?.outcome === 'approved') approved += 1
        await world.desk.close(AbortSignal.abort())
      }),
      { numRuns: 1_500 },
    )
  })

  it('does release where everything is right, so that the property above is about something', () => {
    assert.ok(approved > 30, `${approved} of 1,500 were approved`)
  })
})
