import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { ApprovalRequest, RefusedAnswer } from '../../gateway/core/approval.ts'
import { ChannelTrouble } from '../../gateway/core/approval-channel.ts'
import type { Verdict } from '../../gateway/core/decision.ts'
import { SallyportError } from '../../gateway/core/errors.ts'
import type { Hold } from '../../gateway/core/session.ts'
import { openApprovalDesk, type OpenApprovalDesk } from '../../gateway/session/approval-desk.ts'
import { FakeChannel, down, person } from './fake-channel.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { dba, requestOf, run, sql } from './samples.ts'

const dana = person(1, 'dana')
const rex = person(2, 'rex')
const kim = person(3, 'kim')

let clock: FakeClock
let channel: FakeChannel
let desk: OpenApprovalDesk

interface Asked {
  readonly holds: Hold[]
  readonly refused: RefusedAnswer[]
  readonly ended: { verdict: Verdict | null; error: unknown }
  verdict(): Verdict | null
  readonly left: AbortController
  code(): string
}

function ask(more: Partial<ApprovalRequest> = {}): Asked {
  const holds: Hold[] = []
  const refused: RefusedAnswer[] = []
  const ended: Asked['ended'] = { verdict: null, error: null }
  const left = new AbortController()
  desk
    .ask(
      requestOf(sql('DELETE FROM carts'), more),
      { onHeld: hold => holds.push(hold), onPosted: hold => holds.push(hold), onRefused: answer => refused.push(answer) },
      left.signal,
    )
    .then(
      verdict => (ended.verdict = verdict),
      (error: unknown) => (ended.error = error),
    )
  return { holds, refused, ended, left, verdict: () => ended.verdict, code: () => holds[0]?.code ?? '' }
}

function approversOf(verdict: Verdict | null): readonly string[] {
  return verdict?.outcome === 'approved' ? verdict.by.map(({ login }) => login) : []
}

function reasonOf(verdict: Verdict | null): string {
  return verdict === null || verdict.outcome === 'approved' ? '' : verdict.reason
}

beforeEach(() => {
  clock = new FakeClock()
  channel = new FakeChannel()
  channel.approvers.add(dana.id).add(rex.id)
  desk = openApprovalDesk({ channel, run, clock, random: () => 0.5 })
})

describe('approval desk', () => {
  it('releases once an approver answered, and tells where it was asked', async () => {
    const asked = ask()
    await settle()
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    await clock.advance(4_000)
    assert.equal(asked.verdict()?.outcome, 'approved')
    assert.deepEqual(
      asked.holds.map(({ where }) => where),
      [null, 'https://example.test/r'],
    )
  })

  it('asks for as many different people as the group says', async () => {
    const asked = ask({ approvers: { ...dba, count: 2 } })
    await settle()
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    await clock.advance(10_000)
    assert.equal(asked.verdict(), null)
    assert.deepEqual(
      asked.refused.map(({ reason }) => reason),
      ['counted_once'],
    )
    channel.write(rex, `/sallyport approve ${asked.code()}`)
    await clock.advance(10_000)
    assert.deepEqual(approversOf(asked.verdict()), ['dana', 'rex'])
  })

  it('lets a denial win over an approval that is read at the same time', async () => {
    const asked = ask()
    await settle()
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    channel.write(rex, `/sallyport deny ${asked.code()} wait for the backup`)
    await clock.advance(4_000)
    assert.equal(asked.verdict()?.outcome, 'rejected')
    assert.equal(reasonOf(asked.verdict()), 'wait for the backup')
  })

  it('does not let somebody deny who may not approve', async () => {
    const asked = ask()
    await settle()
    channel.write(kim, `/sallyport deny ${asked.code()} no`)
    await clock.advance(4_000)
    assert.equal(asked.verdict(), null)
    assert.equal(asked.refused[0]?.reason, 'not_approver')
  })

  it('does not release when the check before the release took longer than five seconds', async () => {
    const asked = ask()
    await settle()
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    let looks = 0
    channel.beforeLookup = () => {
      looks += 1
      return looks === 2 ? clock.sleep(6_000, new AbortController().signal) : undefined
    }
    await clock.advance(9_500)
    assert.equal(asked.verdict(), null)
    await clock.advance(10_000)
    assert.equal(asked.verdict()?.outcome, 'approved')
  })

  it('takes a vote back that was edited before the release', async () => {
    const asked = ask({ approvers: { ...dba, count: 2 } })
    await settle()
    const vote = channel.write(dana, `/sallyport approve ${asked.code()}`)
    await clock.advance(4_000)
    channel.replace(vote.id, { isEdited: true })
    channel.write(rex, `/sallyport approve ${asked.code()}`)
    await clock.advance(10_000)
    assert.equal(asked.verdict(), null)
    assert.ok(asked.refused.some(({ reason, login }) => reason === 'edited_comment' && login === 'dana'))
  })

  for (const [what, change, reason] of [
    ['new commits are pushed', () => (channel.head = 'b'.repeat(40)), /^head_moved/],
    ['the pull request is closed', () => (channel.state = 'closed'), /^thread_closed/],
    ['somebody alters the request', () => (channel.isAltered = true), /^request_altered/],
  ] as const) {
    it(`supersedes when ${what}, whoever approved`, async () => {
      const asked = ask()
      await settle()
      channel.write(dana, `/sallyport approve ${asked.code()}`)
      change()
      await clock.advance(8_000)
      assert.equal(asked.verdict()?.outcome, 'superseded')
      assert.match(reasonOf(asked.verdict()), reason)
    })
  }

  it('holds on, without a release, while a look at the request is older than its last edit', async () => {
    const asked = ask()
    await settle()
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    channel.isAltered = true
    await clock.advance(4_000)
    assert.equal(asked.verdict(), null)
    channel.isAltered = false
    await clock.advance(4_000)
    assert.equal(asked.verdict()?.outcome, 'approved')
  })

  it('never approves after the client left, and says so in the request', async () => {
    const asked = ask()
    await settle()
    asked.left.abort()
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    await clock.advance(10_000)
    assert.equal(asked.verdict()?.outcome, 'superseded')
    assert.equal(channel.views.at(-1)?.verdict?.outcome, 'superseded')
    assert.equal(asked.refused[0]?.reason, 'already_ended')
  })

  it('expires by the monotonic clock, whatever the wall clock does', async () => {
    const asked = ask({ approvers: { ...dba, timeoutMs: 60_000 } })
    await settle()
    clock.jumpWall(3_600_000)
    await clock.advance(50_000)
    assert.equal(asked.verdict(), null)
    await clock.advance(10_000)
    assert.equal(asked.verdict()?.outcome, 'expired')
  })

  it('compares times of the server with times of the server only', async () => {
    channel.serverSeconds = -86_400
    const asked = ask()
    await settle()
    channel.serverSeconds += 2
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    await clock.advance(4_000)
    assert.equal(asked.verdict()?.outcome, 'approved')
  })

  it('stays held while the API is down, then expires, and nothing runs', async () => {
    const asked = ask({ approvers: { ...dba, timeoutMs: 60_000 } })
    await settle()
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    channel.trouble = down
    await clock.advance(59_000)
    assert.equal(asked.verdict(), null)
    await clock.advance(1_000)
    assert.equal(asked.verdict()?.outcome, 'expired')
    channel.trouble = null
    await clock.advance(60_000)
    assert.equal(asked.verdict()?.outcome, 'expired')
  })

  it('asks as soon as the API is back, when it was down at first', async () => {
    channel.trouble = down
    const asked = ask()
    await clock.advance(5_000)
    assert.equal(channel.views.length, 0)
    channel.trouble = null
    await clock.advance(10_000)
    assert.equal(channel.views.length, 1)
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    await clock.advance(4_000)
    assert.equal(asked.verdict()?.outcome, 'approved')
  })

  it('leaves the server alone for as long as it asks', async () => {
    const asked = ask()
    await settle()
    channel.trouble = new ChannelTrouble('limited', 120_000)
    await clock.advance(3_000)
    channel.trouble = null
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    await clock.advance(110_000)
    assert.equal(asked.verdict(), null)
    await clock.advance(15_000)
    assert.equal(asked.verdict()?.outcome, 'approved')
  })

  it('refuses at once when it may not comment, or when nobody could ever approve', async () => {
    channel.postError = new SallyportError('COMMENT_REFUSED', 'cannot comment')
    const asked = ask()
    await clock.advance(10)
    assert.equal(asked.ended.error instanceof SallyportError && asked.ended.error.id, 'E11')
    channel.prepareError = new SallyportError('APPROVERS_UNREADABLE', 'cannot be read')
    const other = ask()
    await clock.advance(10)
    assert.equal(other.ended.error instanceof SallyportError && other.ended.error.id, 'E13')
  })

  it('refuses without a pull request', async () => {
    desk = openApprovalDesk({ channel: null, run, clock })
    const asked = ask()
    await settle()
    assert.equal(asked.ended.error instanceof SallyportError && asked.ended.error.id, 'E12')
  })

  it('refuses what cannot be shown in full, and posts nothing', async () => {
    const long = sql('DELETE FROM carts', { values: ['x'.repeat(16 * 1024)] })
    const asked = ask({ commands: [long], flagged: long })
    await settle()
    assert.equal(asked.ended.error instanceof SallyportError && asked.ended.error.code, 'COMMAND_DENIED')
    assert.equal(channel.views.length, 0)
  })

  it('reads several requests in one look, and one line may answer several', async () => {
    const [one, other] = [ask(), ask()]
    await settle()
    channel.write(dana, `/sallyport approve ${one.code()} ${other.code()}`)
    await clock.advance(4_000)
    assert.deepEqual([one.verdict()?.outcome, other.verdict()?.outcome], ['approved', 'approved'])
  })

  it('does a bounded amount of work for a flood of one person', async () => {
    const asked = ask()
    await settle()
    for (let times = 0; times < 2_000; times += 1) channel.write(kim, `/sallyport approve ${asked.code()}`)
    channel.write(dana, `/sallyport approve ${asked.code()}`)
    await clock.advance(4_000)
    assert.equal(asked.verdict()?.outcome, 'approved')
    assert.ok(channel.lookups < 40, `${channel.lookups} lookups`)
    assert.ok(channel.marks.length <= 30, `${channel.marks.length} marks`)
    assert.equal(channel.views.at(-1)?.refusals.length, 5)
  })

  it('answers status and help, ten times at most, and bots never', async () => {
    const asked = ask()
    await settle()
    for (let times = 0; times < 20; times += 1) channel.write(kim, times % 2 === 0 ? '/sallyport status' : '/sallyport help')
    channel.write(person(9, 'a-bot', 'Bot'), '/sallyport status')
    await clock.advance(4_000)
    assert.equal(channel.said.length, 10)
    assert.match(channel.said[0] ?? '', new RegExp(asked.code()))
  })

  it('says nothing about ordinary talk', async () => {
    const asked = ask()
    await settle()
    channel.write(kim, 'Could we drop-down this well-done menu? LGTM')
    await clock.advance(4_000)
    assert.deepEqual([asked.refused, channel.marks, channel.said], [[], [], []])
  })

  it('ends all that waits when the run ends', async () => {
    const asked = ask()
    await settle()
    await desk.close(new AbortController().signal)
    await settle()
    assert.equal(asked.verdict()?.outcome, 'superseded')
    assert.equal(channel.views.at(-1)?.verdict?.outcome, 'superseded')
    const late = ask()
    await settle()
    assert.equal(late.verdict()?.outcome, 'superseded')
  })
})
