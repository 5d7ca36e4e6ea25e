import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { openGitHubChannel } from '../../../gateway/adapter/github-comment/channel.ts'
import { GitHubApi } from '../../../gateway/adapter/github-comment/github-api.ts'
import { findPullRequest, isForkRun } from '../../../gateway/adapter/github-comment/pull-request.ts'
import { ChannelTrouble, type ApprovalChannel, type RequestView } from '../../../gateway/core/approval-channel.ts'
import type { ApproverGroup } from '../../../gateway/core/decision.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { startShop, type Shop } from '../../../world/github/shop.ts'
import { dba, run, viewOf } from '../../session/samples.ts'

const signal = new AbortController().signal
const view = viewOf()
const ended: RequestView = { ...view, verdict: { outcome: 'expired', at: new Date(0), reason: 'x' } }
const sre: ApproverGroup = { name: 'sre', users: [], teams: ['acme/sre'], count: 1, timeoutMs: 1_000 }

let shop: Shop
let channel: ApprovalChannel

function channelWith(token: string): ApprovalChannel {
  return openGitHubChannel({
    environment: { GITHUB_API_URL: shop.github.url },
    token: new Secret(token),
    repository: 'acme/shop',
    pullRequest: 42,
    run,
    key: 'sallyport+0a1b2c3d+key',
    requesters: { ids: [], logins: ['uma'] },
  })
}

beforeEach(async () => {
  shop = await startShop({ checked: true })
  channel = channelWith(shop.workflowToken)
})

afterEach(async () => {
  assert.deepEqual(shop.github.drift, [])
  await shop.github.stop()
})

const is = ({ id, login }: { id: number; login: string }): Promise<boolean> => channel.isRequester({ id, login, type: 'User' }, signal)

const trouble = async (): Promise<ChannelTrouble> => {
  const error = await channel.thread(signal).then(
    () => null,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ChannelTrouble, String(error))
  return error
}

describe('github comments as a place to ask', () => {
  it('states the key in the first request only, also after its edits', async () => {
    const first = await channel.post(view, signal)
    const second = await channel.post({ ...view, code: '0000-0001' }, signal)
    await channel.update(first, ended, signal)
    await channel.update(second, { ...ended, code: '0000-0001' }, signal)
    const bodies = shop.pull.comments.map(({ body }) => body.includes('sallyport+0a1b2c3d+key'))
    assert.deepEqual(bodies, [true, false])
  })

  it('knows its own words again, and nobody else’s', async () => {
    const posted = await channel.post(view, signal)
    assert.ok(await channel.isIntact(posted, signal))
    const comment = shop.pull.comments[0]
    assert.ok(comment)
    const own = comment.body
    shop.github.world.editComment(comment, shop.people.mona, own.replace('carts', 'nothing'))
    assert.ok(!(await channel.isIntact(posted, signal)))
    // Edited and put back: the words are ours again, the time is not.
    shop.github.faults.skewMs = 5_000
    shop.github.world.editComment(comment, shop.people.mona, own)
    assert.ok(!(await channel.isIntact(posted, signal)))
    comment.isDeleted = true
    assert.ok(!(await channel.isIntact(posted, signal)))
  })

  it('does not write over a request that somebody altered, except with its end', async () => {
    const posted = await channel.post(view, signal)
    const comment = shop.pull.comments[0]
    assert.ok(comment)
    shop.github.world.editComment(comment, shop.people.mona, 'SELECT 1')
    await channel.update(posted, { ...view, refusals: ['x'] }, signal)
    assert.equal(comment.body, 'SELECT 1')
    await channel.update(posted, ended, signal)
    assert.match(comment.body, /### Expired/)
  })

  it('cannot tell whose words they are while an edit of its own is lost', async () => {
    const posted = await channel.post(view, signal)
    shop.github.faults.outage = 'cut'
    await assert.rejects(channel.update(posted, { ...view, refusals: ['x'] }, signal), ChannelTrouble)
    shop.github.faults.outage = 'none'
    await channel.update(posted, { ...view, refusals: ['x'] }, signal)
    assert.ok(await channel.isIntact(posted, signal))
  })

  it('reads beyond the first page, asks conditionally, and leaves its own comments out', async () => {
    const posted = await channel.post(view, signal)
    for (let times = 0; times < 250; times += 1) shop.say(shop.people.kim, `comment ${times}`)
    assert.equal((await channel.answersSince(posted.at, signal)).length, 250)
    const before = shop.github.world.tokens.get(shop.workflowToken)?.remaining ?? 0
    await channel.thread(signal)
    await channel.thread(signal)
    await channel.thread(signal)
    assert.equal(before - (shop.github.world.tokens.get(shop.workflowToken)?.remaining ?? 0), 1)
    assert.equal(shop.github.requests.filter(({ status }) => status === 304).length, 2)
  })

  it('sees an edit within the same second by GraphQL, and by the times alone where that is refused', async () => {
    await channel.post(view, signal)
    const comment = shop.say(shop.people.dana, 'hello')
    shop.github.world.editComment(comment, shop.people.mona, '/sallyport approve 7F3K-9QX2')
    const [answer] = await channel.answersSince(comment.createdAt, signal)
    assert.ok(answer)
    assert.equal((await channel.reread(answer, signal))?.isEdited, true)
    shop.github.faults.hasGraphql = false
    shop.github.faults.skewMs = 5_000
    const other = channelWith(shop.appToken)
    shop.github.world.editComment(comment, shop.people.mona, 'again')
    assert.equal((await other.reread(answer, signal))?.isEdited, true)
    comment.isDeleted = true
    assert.equal(await other.reread(answer, signal), null)
  })

  it('tells what was sent through an app', async () => {
    shop.say(shop.people.dana, 'x', 'user-via-app')
    const [answer] = await channel.answersSince(new Date(0), signal)
    assert.equal(answer?.isThroughApp, true)
    assert.equal(answer.person.type, 'User')
  })

  it('counts nobody by a login that changed hands', async () => {
    const { dana } = shop.people
    const asDana = { id: dana.id, login: 'dana', type: 'User' }
    await channel.prepare(dba, signal)
    assert.ok(await channel.isApprover(asDana, dba, signal))
    dana.login = 'dana-before'
    const thief = shop.github.world.addUser('dana')
    assert.ok(!(await channel.isApprover({ id: thief.id, login: 'dana', type: 'User' }, dba, signal)))
    assert.ok(!(await channel.isApprover({ ...asDana, login: 'dana-before' }, dba, signal)))
  })

  it('reads teams with an app’s token, anew every time, and active members only', async () => {
    const app = channelWith(shop.appToken)
    const rex = { id: shop.people.rex.id, login: 'rex', type: 'User' }
    await app.prepare(sre, signal)
    assert.ok(await app.isApprover(rex, sre, signal))
    shop.teams.sre.members.set(rex.id, 'pending')
    assert.ok(!(await app.isApprover(rex, sre, signal)))
    shop.teams.sre.members.delete(rex.id)
    assert.ok(!(await app.isApprover(rex, sre, signal)))
  })

  it('says E13 when the token cannot read the only team, and goes on when users are listed too', async () => {
    await assert.rejects(
      channel.prepare(sre, signal),
      (error: { id?: string; fix?: string }) => error.id === 'E13' && /Members: read/.test(error.fix ?? ''),
    )
    await channel.prepare({ ...sre, name: 'both', users: ['dana'] }, signal)
    await assert.rejects(channel.prepare({ ...dba, name: 'nobody', users: ['no-such-user'] }, signal), { code: 'APPROVERS_UNREADABLE' })
  })

  it('knows who asked: the author of the pull request, and those who started the run', async () => {
    assert.deepEqual([await is(shop.people.sam), await is(shop.people.uma), await is(shop.people.dana)], [true, true, false])
  })

  it('says E11 when it may not comment, and E12 when there is no such pull request', async () => {
    const reader = channelWith(shop.github.world.addToken(shop.bot, 'app', { contents: 'read' }))
    await assert.rejects(reader.post(view, signal), { code: 'COMMENT_REFUSED', id: 'E11' })
    shop.repository.pulls.delete(42)
    await assert.rejects(channel.thread(signal), { code: 'NO_PULL_REQUEST', id: 'E12' })
    assert.equal(shop.pull.comments.length, 0)
  })

  it('takes limits and outages as trouble that may pass, and obeys retry-after', async () => {
    const { faults } = shop.github
    faults.secondaryLimits = 2
    faults.retryAfter = 7
    assert.equal((await trouble()).retryAfterMs, 7_000)
    faults.retryAfter = null
    assert.equal((await trouble()).retryAfterMs, 60_000)
    faults.outage = 'unavailable'
    assert.equal((await trouble()).retryAfterMs, null)
    faults.outage = 'cut'
    await trouble()
    faults.outage = 'none'
    const token = shop.github.world.tokens.get(shop.workflowToken)
    assert.ok(token)
    token.remaining = 0
    // An hour by the server's own clock, shortened to what is worth waiting for.
    faults.skewMs = 86_400_000
    assert.equal((await trouble()).retryAfterMs, 15 * 60_000)
  })

  it('finds another gateway’s request, so that only that one answers for its code', async () => {
    await channel.post(view, signal)
    const other = channelWith(shop.appToken)
    await other.post({ ...view, code: '0000-0001' }, signal)
    assert.ok(await channel.isAskedElsewhere('0000-0001', signal))
    assert.ok(!(await channel.isAskedElsewhere('0000-0002', signal)))
    assert.ok(!(await channel.isAskedElsewhere('7F3K-9QX2', signal)))
  })

  it('sends its token over https or to loopback only', () => {
    for (const url of ['http://api.example.com', 'ftp://127.0.0.1', 'nonsense']) {
      assert.throws(
        () => new GitHubApi({ environment: { GITHUB_API_URL: url }, token: new Secret('canary') }),
        (error: Error) => !error.message.includes('canary'),
      )
    }
  })
})

const from = (head: unknown): unknown => ({ pull_request: { number: 1, head: { repo: head }, base: { repo: { id: 1 } } } })

describe('the pull request of a run', () => {
  const sha = '1'.repeat(40)
  const find = (payload: unknown, input: number | null = null, at: string | null = sha): Promise<number | null> =>
    findPullRequest(
      { repository: 'acme/shop', sha: at, input, payload },
      new GitHubApi({ environment: { GITHUB_API_URL: shop.github.url }, token: new Secret(shop.workflowToken) }),
      signal,
    )

  it('is what the input says, then what the event says', async () => {
    assert.equal(await find({ pull_request: { number: 42 } }, 7), 7)
    assert.equal(await find({ pull_request: { number: 42 } }), 42)
    assert.equal(await find({ issue: { number: 42, pull_request: {} } }), 42)
    assert.equal(await find({ issue: { number: 42 } }), null)
    assert.equal(await find({ merge_group: { head_ref: `refs/heads/gh-readonly-queue/main/pr-42-${sha}` } }), 42)
    assert.equal(await find({ merge_group: { head_ref: `gh-readonly-queue/main/pr-x-${sha}` } }), null)
    assert.equal(await find({ workflow_run: { pull_requests: [{ number: 42 }], head_repository: null } }), 42)
    assert.equal(shop.github.requests.length, 0)
  })

  it('is the one of the commit where the event names none', async () => {
    shop.pull.headSha = sha
    assert.equal(await find({ after: sha }), 42)
    assert.equal(await find({}, null, null), null)
    assert.equal(await find('garbage'), 42)
    assert.equal(await find({ after: '0'.repeat(40) }), null)
    assert.equal(await find({ after: '2'.repeat(40) }), null)
  })

  it('comes from a fork when its head is another repository, or gone', () => {
    assert.ok(isForkRun(from({ id: 2 })))
    assert.ok(isForkRun(from(null)))
    assert.ok(!isForkRun(from({ id: 1 })))
    assert.ok(isForkRun({ workflow_run: { head_repository: { id: 2 } }, repository: { id: 1 } }))
    assert.ok(!isForkRun({ workflow_run: { head_repository: { id: 1 } }, repository: { id: 1 } }))
    assert.ok(!isForkRun({ ref: 'refs/heads/main' }))
  })
})
