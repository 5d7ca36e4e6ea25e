// Requests of Kubernetes that are held at the same time: one comment, one answer, and each of them on its own afterwards.
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { requestComment } from '../../gateway/adapter/github-comment/request-comment.ts'
import type { ApprovalRequest } from '../../gateway/core/approval.ts'
import type { KubernetesCommand } from '../../gateway/core/command.ts'
import type { Verdict } from '../../gateway/core/decision.ts'
import type { Hold } from '../../gateway/core/session.ts'
import { openApprovalDesk, type OpenApprovalDesk } from '../../gateway/session/approval-desk.ts'
import { FakeChannel, person } from './fake-channel.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { dba, orders, requestOf, run, viewOf } from './samples.ts'

const dana = person(1, 'dana')
const prod = { ...orders, name: 'prod', protocol: 'kubernetes' as const }

let clock: FakeClock
let channel: FakeChannel
let desk: OpenApprovalDesk
let count = 0

interface Asked {
  readonly holds: Hold[]
  readonly digests: Set<string>
  readonly refused: string[]
  verdict: Verdict | null
  error: unknown
  readonly left: AbortController
}

function command(name: string): KubernetesCommand {
  return {
    protocol: 'kubernetes',
    verb: 'patch',
    resources: [`shop/configmaps/${name}`],
    text: `PATCH /api/v1/namespaces/shop/configmaps/${name}`,
    certainty: 'parsed',
    doubt: null,
    resource: 'configmaps',
    namespace: 'shop',
    name,
    dryRun: false,
    argv: [],
    argvs: [],
    powers: [],
  }
}

function ask(name: string, more: Partial<ApprovalRequest> = {}): Asked {
  const flagged = command(name)
  const asked: Asked = { holds: [], digests: new Set(), refused: [], verdict: null, error: null, left: new AbortController() }
  count += 1
  const request = {
    ...requestOf(),
    session: `s-${name}`,
    number: count,
    connection: prod,
    commands: [flagged],
    flagged,
    bytes: Buffer.from(name),
    notes: ['dry run accepted'],
    diff: `-mode: fast\n+mode: ${name}`,
    ...more,
  }
  desk
    .ask(
      request,
      {
        onHeld: (hold, digest) => void (asked.holds.push(hold), asked.digests.add(digest)),
        onPosted: (hold, digest) => void (asked.holds.push(hold), asked.digests.add(digest)),
        onRefused: ({ reason }) => void asked.refused.push(reason),
      },
      asked.left.signal,
    )
    .then(
      verdict => (asked.verdict = verdict),
      (error: unknown) => (asked.error = error),
    )
  return asked
}

const posted = (): string[] => [...new Set(channel.views.map(({ code }) => code))]

beforeEach(() => {
  clock = new FakeClock()
  channel = new FakeChannel()
  channel.approvers.add(dana.id)
  desk = openApprovalDesk({ channel, run, clock, random: () => 0.5 })
})

describe('requests of Kubernetes that are held at the same time', () => {
  it('are one request to people, which shows all, and one answer is for all', async () => {
    const first = ask('a')
    await clock.advance(200)
    const second = ask('b')
    await clock.advance(200)
    const third = ask('c')
    assert.equal(channel.views.length, 0, 'nothing is asked while more may come')
    await clock.advance(400)
    const [code = ''] = posted()
    assert.equal(posted().length, 1)
    for (const { holds, digests } of [first, second, third]) {
      assert.deepEqual(new Set(holds.map(hold => hold.code)), new Set([code]))
      assert.equal(digests.size, 1)
    }
    const body = requestComment({ ...viewOf(channel.views[0]?.request), code }, { run, serverUrl: 'https://example.test', key: null })
    for (const name of ['a', 'b', 'c']) {
      assert.match(body, new RegExp(`PATCH /api/v1/namespaces/shop/configmaps/${name}\n`))
      assert.match(body, new RegExp(`@@ patch shop/configmaps/${name} @@\n-mode: fast\n\\+mode: ${name}`))
    }
    assert.match(body, /### Approval needed: `PATCH` and 2 more on \*\*prod\*\*/)
    assert.match(body, /2 more commands are held at the same time, and one answer is for all of them/)
    channel.write(dana, `/sallyport approve ${code}`)
    await clock.advance(4_000)
    assert.deepEqual(
      [first, second, third].map(({ verdict }) => verdict?.outcome),
      ['approved', 'approved', 'approved'],
    )
  })

  it('end each on their own: who left does not run, and what came of each is told', async () => {
    const [first, second] = [ask('a'), ask('b')]
    await clock.advance(400)
    const [code = ''] = posted()
    first.left.abort()
    await settle()
    assert.equal(first.verdict?.outcome, 'superseded')
    channel.write(dana, `/sallyport approve ${code}`)
    await clock.advance(4_000)
    assert.equal(second.verdict?.outcome, 'approved')
    desk.report(code, '200 OK, 3 ms')
    desk.report(code, 'failed with COMMAND_CANCELLED')
    await clock.advance(4_000)
    assert.equal(channel.views.at(-1)?.outcome, '200 OK, 3 ms; failed with COMMAND_CANCELLED')
  })

  it('are not asked for any more once all have left', async () => {
    const [first, second] = [ask('a'), ask('b')]
    await clock.advance(400)
    first.left.abort()
    second.left.abort()
    await clock.advance(4_000)
    assert.equal(channel.views.at(-1)?.verdict?.outcome, 'superseded')
    const early = ask('c')
    early.left.abort()
    await clock.advance(4_000)
    assert.equal(early.verdict?.outcome, 'superseded')
    assert.equal(posted().length, 1, 'nobody was asked about one that left before')
  })

  it('are denied together', async () => {
    const [first, second] = [ask('a'), ask('b')]
    await clock.advance(400)
    channel.write(dana, `/sallyport deny ${posted()[0] ?? ''} not today`)
    await clock.advance(4_000)
    assert.deepEqual([first.verdict?.outcome, second.verdict?.outcome], ['rejected', 'rejected'])
  })

  it('are asked apart where the rule, the connection or the people differ, and where they are too much for one', async () => {
    ask('a')
    ask('b', { rule: 'other' })
    ask('c', { connection: { ...prod, name: 'test' } })
    ask('d', { approvers: { ...dba, name: 'sre' } })
    ask('e', { diff: 'x'.repeat(12_250) })
    await clock.advance(2_000)
    assert.equal(posted().length, 5)
  })

  it('wait for more no longer than a moment, and no longer than a few', async () => {
    const all: Asked[] = []
    for (let turn = 0; turn < 12; turn += 1) {
      all.push(ask(`n${turn}`))
      await clock.advance(200)
    }
    assert.equal(posted().length, 1, 'the first were asked while others came')
    await clock.advance(2_000)
    assert.equal(posted().length, 2)
    assert.ok(all.every(({ holds }) => holds.length > 0))
  })

  it('leave other protocols alone: a statement is asked for at once', async () => {
    void desk.ask(
      requestOf(),
      { onHeld: () => undefined, onPosted: () => undefined, onRefused: () => undefined },
      new AbortController().signal,
    )
    await settle()
    assert.equal(posted().length, 1)
  })
})
