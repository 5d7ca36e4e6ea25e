// How tokens come in: from GitHub for a job, and from a client in exactly one header.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createHttp } from '../../../gateway/adapter/https/https-client.ts'
import { requireActiveRun } from '../../../gateway/adapter/oidc/active-run.ts'
import { readBearer } from '../../../gateway/adapter/oidc/bearer-token.ts'
import { fetchGithubToken } from '../../../gateway/adapter/oidc/github-token.ts'
import type { Http } from '../../../gateway/core/http.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import type { VerifiedToken } from '../../../gateway/core/token.ts'
import { startIssuer } from '../../../world/issuer/issuer.ts'
import type { Issuer } from '../../../world/issuer/issuer.ts'
import { SetClock, signal, trusting, verifierOf } from './token-bench.ts'

const http = createHttp({}, new SetClock())
const ask = (environment: Readonly<Record<string, string>>, isFork = false): Promise<Secret> =>
  fetchGithubToken({ audience: 'sally port&x=1', environment, isFork, http }, signal)

describe('a token of GitHub’s', () => {
  let issuer: Issuer
  before(async () => {
    issuer = await startIssuer()
  })
  after(() => issuer.stop())

  it('is for exactly the audience that was asked for, whatever stands in it', async () => {
    const token = await ask({ ...issuer.grant({ event_name: 'workflow_dispatch' }) })
    const verified = await verifierOf([trusting(issuer, { audience: 'sally port&x=1' })]).verify(token, signal)
    assert.equal(verified.claims['event_name'], 'workflow_dispatch')
    assert.equal(verified.claims['aud'], 'sally port&x=1')
  })

  it('is missed with the words that mend it', async () => {
    await assert.rejects(ask({}), {
      code: 'TOKEN_UNAVAILABLE',
      fix: /permissions: \{ contents: read, id-token: write, pull-requests: write \}.*caller/,
    })
    await assert.rejects(ask({}, true), { code: 'FORK_REFUSED', fix: /no switch to override/ })
  })

  it('is asked for again when GitHub stumbles, not when it refuses', async () => {
    const grant = { ...issuer.grant() }
    const before = issuer.requests.length
    issuer.faults.tokens = 'down'
    await assert.rejects(ask(grant), { code: 'TOKEN_UNAVAILABLE', message: /status 503/ })
    issuer.faults.tokens = 'none'
    assert.equal(issuer.requests.length - before, 5)
    await assert.rejects(ask({ ...grant, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary-wrong' }), error => {
      assert.ok(error instanceof Error)
      assert.match(error.message, /status 401/)
      assert.doesNotMatch(error.message, /canary/)
      return true
    })
    assert.equal(issuer.requests.length - before, 6)
  })

  it('is never asked for over plain http elsewhere, nor through a redirect', async () => {
    const grant = { ...issuer.grant() }
    await assert.rejects(ask({ ...grant, ACTIONS_ID_TOKEN_REQUEST_URL: 'http://pipelines.example/x?api-version=2.0' }), /neither https/)
    issuer.faults.tokens = 'redirect'
    await assert.rejects(ask(grant), /status 302/)
    issuer.faults.tokens = 'garbage'
    await assert.rejects(ask(grant), /holds no token/)
    issuer.faults.tokens = 'none'
  })
})

describe('a client’s token', () => {
  const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl'

  it('is taken from one Authorization header', () => {
    assert.equal(readBearer('/v1/sessions?x=1', ['Host', 'h', 'authorization', `bearer ${jwt}`]), jwt)
  })

  it('is refused from the URL, in any spelling', () => {
    const header = ['Authorization', `Bearer ${jwt}`]
    for (const target of [
      `/?token=${jwt}`,
      '/?access_token=short',
      `/sessions/${jwt}`,
      `/?x=${jwt.replaceAll('.', '%2E')}`,
      `/?ID_TOKEN=1`,
      'http://user:x@h/',
    ]) {
      assert.throws(() => readBearer(target, header), { reason: 'token_in_url' }, target)
    }
  })

  it('is refused when there are two, even the same one twice', () => {
    assert.throws(() => readBearer('/', ['Authorization', `Bearer ${jwt}`, 'AUTHORIZATION', `Bearer ${jwt}`]), {
      reason: 'ambiguous_credentials',
    })
    assert.throws(() => readBearer('/', ['Authorization', `Bearer ${jwt}, Bearer ${jwt}`]), { reason: 'ambiguous_credentials' })
  })

  it('is missed when there is none, or of another kind', () => {
    assert.throws(() => readBearer('/', ['Host', 'authorization']), { reason: 'token_missing' })
    for (const value of ['', 'Bearer', `Basic ${jwt}`, `Bearer ${jwt} x`, jwt]) {
      assert.throws(() => readBearer('/', ['Authorization', value]), { reason: 'token_missing' }, value)
    }
  })
})

describe('the run of a token', () => {
  const claims = { repository_id: '123', run_id: '100', run_attempt: '1' }
  const token = { claims } as unknown as VerifiedToken
  const run = { id: 100, run_attempt: 1, status: 'in_progress', repository: { id: 123 } }
  const asking = (body: unknown, status = 200, of: VerifiedToken = token): Promise<void> => {
    const answering: Http = async () => ({ status, headers: {}, body: Buffer.from(JSON.stringify(body)) })
    return requireActiveRun(of, { apiUrl: 'https://api.github.com', githubToken: new Secret('t'), http: answering }, signal)
  }

  it('must be going on, and be the same run of the same repository', async () => {
    await asking(run)
    for (const other of [{ status: 'completed' }, { id: 101 }, { run_attempt: 2 }, { repository: { id: 9 } }, { status: undefined }]) {
      await assert.rejects(asking({ ...run, ...other }), { reason: 'run_not_active' })
    }
    await assert.rejects(asking({}, 404), { reason: 'run_not_active' })
    await assert.rejects(asking(run, 500), { reason: 'run_not_active' })
    await assert.rejects(asking(run, 200, { claims: { ...claims, run_id: '1/../2' } } as unknown as VerifiedToken), {
      reason: 'run_not_active',
    })
  })
})
