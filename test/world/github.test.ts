import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { DefaultArtifactClient } from '@actions/artifact'
import { Octokit } from '@octokit/rest'
import { githubDescription } from '../../world/github/description.ts'
import { renderMarkdown } from '../../world/github/markdown.ts'
import { startShop, type Shop } from '../../world/github/shop.ts'

let shop: Shop
const where = { owner: 'acme', repo: 'shop' }
const pull = { ...where, issue_number: 42 }

before(async () => {
  shop = await startShop({ checked: true })
})
after(() => shop.github.stop())

function as(token: string | null): Octokit {
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  return new Octokit({ baseUrl: shop.github.url, log, ...(token === null ? {} : { auth: token }) })
}

const tokenOf = (user: Shop['people']['sam']): string => shop.github.world.addToken(user)

describe('the stand-in of GitHub', () => {
  it('answers every operation as GitHub describes it', async () => {
    const { world } = shop.github
    const mona = as(tokenOf(shop.people.mona))
    const app = as(shop.appToken)
    shop.repository.trees.get('main')?.set('sallyport.yml', 'version: 1')
    const { data: comment } = await mona.rest.issues.createComment({ ...pull, body: 'hello' })
    await mona.rest.issues.updateComment({ ...where, comment_id: comment.id, body: 'hello again' })
    await mona.rest.issues.getComment({ ...where, comment_id: comment.id })
    await mona.rest.issues.listComments(pull)
    await mona.rest.reactions.createForIssueComment({ ...where, comment_id: comment.id, content: 'rocket' })
    await mona.rest.reactions.createForIssueComment({ ...where, comment_id: comment.id, content: 'rocket' })
    await mona.rest.reactions.listForIssueComment({ ...where, comment_id: comment.id })
    await mona.rest.users.getAuthenticated()
    await mona.rest.users.getByUsername({ username: 'dana' })
    await mona.rest.repos.get(where)
    await mona.rest.repos.getCollaboratorPermissionLevel({ ...where, username: 'kim' })
    await mona.rest.repos.getContent({ ...where, path: 'sallyport.yml' })
    await mona.rest.repos.listPullRequestsAssociatedWithCommit({ ...where, commit_sha: shop.pull.headSha })
    await mona.rest.pulls.get({ ...where, pull_number: 42 })
    await app.rest.teams.getByName({ org: 'acme', team_slug: 'dba' })
    await app.rest.teams.getMembershipForUserInOrg({ org: 'acme', team_slug: 'dba', username: 'dana' })
    await as(shop.workflowToken).rest.issues.createComment({ ...pull, body: 'from a workflow' })
    await assert.rejects(mona.rest.users.getByUsername({ username: 'nobody' }), { status: 404 })
    await assert.rejects(mona.rest.issues.createComment({ ...pull, body: ' ' }), { status: 422 })
    assert.deepEqual(shop.github.drift, [])
    const called = new Set(githubDescription().operations)
    assert.equal(called.size, 15)
    assert.ok(world.comment(comment.id))
  })

  it('would notice if it drifted from the description', () => {
    const description = githubDescription()
    assert.match(description.source, /^@octokit\/openapi \d+\.\d+\.\d+/)
    assert.notDeepEqual(description.faultsOf('GET /users/{username}', 200, { login: 'dana' }), [])
    assert.notDeepEqual(description.faultsOf('GET /no/such', 200, {}), [])
  })

  it('lets write access edit anybody’s comment, and keeps the author', async () => {
    const comment = shop.say(shop.people.dana, 'mine')
    await assert.rejects(as(tokenOf(shop.people.kim)).rest.issues.updateComment({ ...where, comment_id: comment.id, body: 'x' }), {
      status: 403,
    })
    const { data } = await as(tokenOf(shop.people.mona)).rest.issues.updateComment({ ...where, comment_id: comment.id, body: 'theirs' })
    assert.equal(data.user?.login, 'dana')
    assert.equal(data.body, 'theirs')
    await as(shop.workflowToken).rest.issues.updateComment({ ...where, comment_id: comment.id, body: 'the job’s' })
    assert.equal(comment.editor?.login, 'github-actions[bot]')
  })

  it('lets only write access into a locked thread', async () => {
    shop.pull.isLocked = true
    await assert.rejects(as(tokenOf(shop.people.kim)).rest.issues.createComment({ ...pull, body: 'x' }), { status: 403 })
    await as(tokenOf(shop.people.mona)).rest.issues.createComment({ ...pull, body: 'x' })
    shop.pull.isLocked = false
  })

  it('says who is a bot and what came through an app', async () => {
    const { data } = await as(shop.workflowToken).rest.issues.createComment({ ...pull, body: 'x' })
    assert.equal(data.user?.type, 'Bot')
    assert.ok(data.performed_via_github_app)
  })

  it('shows teams to members and to apps that may read them', async () => {
    const team = { org: 'acme', team_slug: 'sre' }
    await as(tokenOf(shop.people.rex)).rest.teams.getByName(team)
    await assert.rejects(as(tokenOf(shop.people.kim)).rest.teams.getByName(team), { status: 404 })
    await assert.rejects(as(shop.workflowToken).rest.teams.getByName(team), { status: 403 })
    await assert.rejects(as('ghp_unknown').rest.teams.getByName(team), { status: 401 })
  })

  it('pages with links, answers 304 for free, and counts the rest', async () => {
    const kim = as(tokenOf(shop.people.kim))
    for (let times = 0; times < 3; times += 1) shop.say(shop.people.kim, `page ${times}`)
    const first = await kim.rest.issues.listComments({ ...pull, per_page: 2 })
    assert.match(first.headers.link ?? '', /rel="next"/)
    const all = await kim.paginate(kim.rest.issues.listComments, { ...pull, per_page: 2 })
    assert.equal(all.length, shop.pull.comments.filter(({ isDeleted }) => !isDeleted).length)
    const { headers } = await kim.rest.repos.get(where)
    await assert.rejects(kim.rest.repos.get({ ...where, headers: { 'if-none-match': headers.etag ?? '' } }), { status: 304 })
    const again = await kim.rest.users.getAuthenticated()
    assert.equal(Number(headers['x-ratelimit-remaining']) - Number(again.headers['x-ratelimit-remaining']), 1)
  })

  it('takes an artifact from the official client, byte for byte, and a name only once', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'artifact-'))
    const saved = { ...process.env }
    try {
      const file = path.join(folder, 'replay.html')
      writeFileSync(file, 'x'.repeat(300_000))
      Object.assign(process.env, {
        ACTIONS_RESULTS_URL: `${shop.github.url}/`,
        ACTIONS_RUNTIME_TOKEN: shop.github.artifacts.addRuntimeToken('run-7', 'job-9'),
        GITHUB_SERVER_URL: 'https://github.com',
      })
      const write = process.stdout.write.bind(process.stdout)
      process.stdout.write = () => true
      try {
        const client = new DefaultArtifactClient()
        const { id, size } = await client.uploadArtifact('recording', [file], folder)
        assert.ok(id !== undefined && size !== undefined && size > 0)
        await assert.rejects(client.uploadArtifact('recording', [file], folder))
      } finally {
        process.stdout.write = write
      }
      const [artifact] = shop.github.artifacts.finished
      assert.equal(artifact?.name, 'recording')
      assert.equal(artifact.bytes.subarray(0, 2).toString(), 'PK')
    } finally {
      process.env = saved
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('gives the artifact service to nobody without the job’s token', async () => {
    const answer = await fetch(`${shop.github.url}/twirp/github.actions.results.api.v1.ArtifactService/CreateArtifact`, {
      method: 'POST',
      body: '{}',
    })
    assert.equal(answer.status, 401)
  })

  it('has a page where a person answers as somebody', async () => {
    const address = shop.github.page(shop.pull)
    const page = await (await fetch(address)).text()
    assert.match(page, /dana \(may read, acme\/dba\)/)
    const secret = /name="secret" value="(\w+)"/.exec(page)?.[1] ?? ''
    const form = (fields: Record<string, string>): Promise<Response> =>
      fetch(`${address}/comments`, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields) })
    const body = '/sallyport status'
    const before = shop.pull.comments.length
    assert.equal((await form({ user: String(shop.people.dana.id), body })).status, 400)
    assert.equal((await form({ user: String(shop.bot.id), body, secret })).status, 400)
    assert.equal(shop.pull.comments.length, before)
    assert.equal((await form({ user: String(shop.people.dana.id), body, secret })).status, 303)
    assert.equal(shop.pull.comments.at(-1)?.user.login, 'dana')
  })

  it('renders comments without letting their text become markup', () => {
    const html = renderMarkdown('### Approval <script>x</script>\n```sql\n</code><img src=x>\n```\n[a](javascript:x) **b**')
    assert.doesNotMatch(html, /<script|<img|href="javascript/)
    assert.match(html, /<pre><code>&lt;\/code&gt;/)
    assert.match(html, /<strong>b<\/strong>/)
  })
})
