// The world's issuer: what GitHub's does, by the same addresses and shapes, and its faults on demand.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { startIssuer } from '../../world/issuer/issuer.ts'
import type { Issuer } from '../../world/issuer/issuer.ts'

describe('the world’s issuer', () => {
  let issuer: Issuer
  before(async () => {
    issuer = await startIssuer({ claims: { environment: 'staging' } })
  })
  after(() => issuer.stop())

  const verify = async (token: string): ReturnType<typeof jwtVerify> => {
    const discovery = (await (await fetch(`${issuer.url}/.well-known/openid-configuration`)).json()) as { issuer: string; jwks_uri: string }
    return await jwtVerify(token, createRemoteJWKSet(new URL(discovery.jwks_uri)), { issuer: discovery.issuer })
  }

  it('signs tokens that an independent library verifies by its discovery document', async () => {
    const { payload } = await verify(issuer.mint({ aud: 'x', ref: undefined }))
    assert.equal(payload['environment'], 'staging')
    assert.equal(payload['repository_id'], '123')
    assert.ok(!('ref' in payload))
    assert.ok((payload.exp ?? 0) > Date.now() / 1_000)
  })

  it('has every claim that GitHub documents, as texts', async () => {
    const { payload } = await verify(issuer.mint())
    const names =
      'actor actor_id base_ref check_run_id enterprise enterprise_id environment event_name head_ref job_workflow_ref job_workflow_sha ref ref_protected ref_type repository repository_id repository_owner repository_owner_id repository_visibility run_attempt run_id run_number runner_environment sha workflow workflow_ref workflow_sha sub jti iss aud'
    for (const name of names.split(' ')) assert.equal(typeof payload[name], 'string', name)
  })

  it('hands a job tokens for the audience it asks for, by its own bearer only', async () => {
    const grant = issuer.grant({ run_id: '77' })
    const ask = (query: string, bearer: string): Promise<Response> =>
      fetch(`${grant.ACTIONS_ID_TOKEN_REQUEST_URL}${query}`, { headers: { authorization: `Bearer ${bearer}` } })
    const answer = (await (await ask('&audience=vault', grant.ACTIONS_ID_TOKEN_REQUEST_TOKEN)).json()) as { value: string }
    const { payload } = await verify(answer.value)
    assert.deepEqual([payload.aud, payload['run_id']], ['vault', '77'])
    const usual = (await (await ask('', grant.ACTIONS_ID_TOKEN_REQUEST_TOKEN)).json()) as { value: string }
    assert.equal((await verify(usual.value)).payload.aud, 'https://github.com/acme')
    assert.equal((await ask('&audience=vault', 'wrong')).status, 401)
  })

  it('rotates its keys', async () => {
    const early = issuer.mint()
    issuer.rotate()
    assert.notEqual(decodeProtectedHeader(issuer.mint()).kid, decodeProtectedHeader(early).kid)
    await verify(issuer.mint())
    await assert.rejects(verify(early), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  })

  it('fails as told', async () => {
    issuer.faults.jwks = 'redirect'
    const answer = await fetch(`${issuer.url}/.well-known/jwks`, { redirect: 'manual' })
    issuer.faults.jwks = 'none'
    assert.equal(answer.status, 302)
  })
})
