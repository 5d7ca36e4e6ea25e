import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { openGitHubChannel } from '../../../gateway/adapter/github-comment/channel.ts'
import { readPolicyFile } from '../../../gateway/adapter/github-policy/policy-file.ts'
import type { ApprovalChannel } from '../../../gateway/core/approval-channel.ts'
import type { ApproverGroup } from '../../../gateway/core/decision.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { dba, run, viewOf } from '../../session/samples.ts'

const signal = new AbortController().signal
const view = viewOf()
const dana = { id: 12, login: 'dana', type: 'User' }
const team: ApproverGroup = { name: 'team', users: [], teams: ['acme/dba'], count: 1, timeoutMs: 1_000 }
const POLICY = 'version: 1\n'

type Reply = readonly [status: number, body: unknown]

/** An API with the fewest fields and endpoints that approvals can do with: no profiles, no GraphQL, no team but its memberships. */
class PlainApi {
  readonly comments: Record<string, unknown>[] = []
  readonly asked: string[] = []
  profiles: Readonly<Record<string, number>> = {}
  readonly #server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { pathname } = new URL(request.url ?? '', 'http://api')
      this.asked.push(`${request.method} ${pathname}`)
      const text = Buffer.concat(chunks).toString('utf8')
      const [status, body] = this.#reply(request.method ?? '', pathname, text === '' ? {} : (JSON.parse(text) as Record<string, unknown>))
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  comment(body: string, user: object): Record<string, unknown> {
    const at = '2026-01-01T00:00:00+00:00'
    const comment = { id: 100 + this.comments.length, body, user, created_at: at, updated_at: at, html_url: 'https://x/1' }
    this.comments.push(comment)
    return comment
  }

  #reply(method: string, path: string, sent: Record<string, unknown>): Reply {
    const login = /^\/users\/(\w+)$/.exec(path)?.[1]
    const id = login === undefined ? undefined : this.profiles[login]
    if (id !== undefined) return [200, { id, login, type: 'User' }]
    if (path === '/repos/acme/shop/pulls/42') {
      return [200, { state: 'open', user: { id: 15, login: 'pat', type: 'User' }, head: { sha: 'a'.repeat(40) } }]
    }
    if (path === '/repos/acme/shop/issues/42/comments') {
      if (method === 'GET') return [200, this.comments]
      return [201, this.comment(String(sent['body']), { id: 1, login: 'bot', type: 'Bot' })]
    }
    const own = this.comments.find(({ id: number }) => path === `/repos/acme/shop/issues/comments/${String(number)}`)
    if (own !== undefined) return [200, method === 'PATCH' ? Object.assign(own, sent) : own]
    if (path === '/orgs/acme/teams/dba/members') return [200, []]
    if (path === '/orgs/acme/teams/dba/memberships/dana') return [200, { state: 'active' }]
    if (path === '/repos/acme/shop/contents/sallyport.yml') {
      return [200, { type: 'file', encoding: 'base64', content: Buffer.from(POLICY).toString('base64') }]
    }
    return [404, { message: 'Not Found' }]
  }
}

describe('an API that answers with the least', () => {
  let api: PlainApi
  let channel: ApprovalChannel
  let environment: Record<string, string>

  beforeEach(async () => {
    api = new PlainApi()
    environment = { GITHUB_API_URL: await api.start() }
    const token = new Secret('token')
    const requesters = { ids: [], logins: ['sam'] }
    channel = openGitHubChannel({ environment, token, repository: 'acme/shop', pullRequest: 42, run, key: 'key', requesters })
  })
  afterEach(() => api.stop())

  it('is asked, answered and written to without the fields that nothing hangs on', async () => {
    assert.deepEqual(await channel.thread(signal), { isOpen: true, state: 'open', head: 'a'.repeat(40) })
    const posted = await channel.post(view, signal)
    assert.ok(await channel.isIntact(posted, signal))
    api.comment('/sallyport approve 7F3K-9QX2', dana)
    const [answer] = await channel.answersSince(new Date(0), signal)
    assert.ok(answer)
    assert.deepEqual([answer.person, answer.isEdited], [dana, false])
    assert.equal((await channel.reread(answer, signal))?.isEdited, false)
    await channel.update(posted, { ...view, verdict: { outcome: 'expired', at: new Date(0), reason: 'x' } }, signal)
    assert.match(String(api.comments[0]?.['body']), /### Expired/)
  })

  it('without profiles takes the author that a comment states, and pins the id from then on', async () => {
    await channel.prepare(dba, signal)
    assert.ok(!(await channel.isApprover({ ...dana, login: 'eve' }, dba, signal)))
    assert.ok(await channel.isApprover(dana, dba, signal))
    assert.ok(!(await channel.isApprover({ ...dana, id: 13 }, dba, signal)))
  })

  it('with profiles makes nobody an approver whose profile is missing', async () => {
    api.profiles = { pat: 15 }
    await assert.rejects(channel.prepare(dba, signal), { code: 'APPROVERS_UNREADABLE' })
    await channel.prepare(team, signal)
    assert.ok(!(await channel.isApprover(dana, team, signal)))
    assert.ok(!api.asked.includes('GET /orgs/acme/teams/dba/memberships/dana'))
  })

  it('has a readable team when its members can be listed', async () => {
    await channel.prepare(team, signal)
    assert.ok(await channel.isApprover(dana, team, signal))
    assert.ok(!(await channel.isApprover({ id: 13, login: 'eve', type: 'User' }, team, signal)))
  })

  it('may describe the policy file instead of sending it raw', async () => {
    const request = { config: '', repository: 'acme/shop', token: new Secret('token'), environment }
    assert.equal((await readPolicyFile(request, signal)).text, POLICY)
  })
})
