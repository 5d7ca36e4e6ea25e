// The stand-in for Vault keeps Vault's promises: leases end by themselves, tokens take theirs along, errors are Vault's words.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { startIssuer } from '../../world/issuer/issuer.ts'
import type { Issuer } from '../../world/issuer/issuer.ts'
import { startPostgres } from '../../world/postgres/server.ts'
import type { PostgresServer } from '../../world/postgres/server.ts'
import { startVault } from '../../world/vault/vault.ts'
import type { Vault } from '../../world/vault/vault.ts'

interface Answer {
  readonly status: number
  readonly errors?: readonly string[]
  readonly auth?: { readonly client_token: string; readonly lease_duration: number }
  readonly data?: Readonly<Record<string, unknown>>
  readonly lease_id?: string
  readonly lease_duration?: number
}

describe('the world’s Vault', () => {
  let issuer: Issuer
  let postgres: PostgresServer
  let vault: Vault
  let database: string
  before(async () => {
    issuer = await startIssuer({ claims: { aud: 'vault' } })
    postgres = await startPostgres()
    database = await postgres.createDatabase('CREATE TABLE t AS SELECT 1 AS a')
    vault = await startVault({
      issuer: { url: issuer.url, address: issuer.address },
      postgres,
      namespace: 'team',
      policies: { kv: ['secret/data/*'] },
    })
    vault.jwtRoles.set('ci', { boundAudiences: ['vault'], boundClaims: { event_name: ['push', 'schedule'] } })
    vault.jwtRoles.set('kv', { boundAudiences: ['vault'], policies: ['kv'] })
    vault.databaseRoles.set('short', { database, grants: ['GRANT SELECT ON t TO "{{name}}"'], ttlSec: 4, maxTtlSec: 8 })
    vault.databaseRoles.set('long', { database, grants: [] })
    vault.databaseRoles.set('broken', { database, grants: ['GRANT SELECT ON missing TO "{{name}}"'] })
  })
  after(async () => {
    await vault.stop()
    await postgres.stop()
    await issuer.stop()
  })

  async function call(path: string, token = '', body?: object, namespace = 'team'): Promise<Answer> {
    const headers = { 'x-vault-namespace': namespace, ...(token === '' ? {} : { 'x-vault-token': token }) }
    const answer = await fetch(
      `${vault.address}/v1/${path}`,
      body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
    )
    const text = await answer.text()
    return { ...(text === '' ? {} : (JSON.parse(text) as object)), status: answer.status }
  }
  const login = async (role: string, jwt = issuer.mint()): Promise<string> =>
    (await call('auth/jwt/login', '', { role, jwt })).auth?.client_token ?? ''
  const refuse = async (role: string, jwt: string): Promise<string> => {
    const answer = await call('auth/jwt/login', '', { role, jwt })
    assert.equal(answer.status, 400)
    return (answer.errors ?? []).join()
  }
  const has = async (name: unknown): Promise<boolean> =>
    (await postgres.query(database, `SELECT 1 FROM pg_roles WHERE rolname = '${String(name)}'`)).length === 1

  it('lets in who is signed by the issuer and bound by the role, and says why others are not', async () => {
    assert.match(await login('ci'), /^hvs\./)
    assert.match(await refuse('nobody', issuer.mint()), /role "nobody" could not be found/)
    assert.match(await refuse('ci', issuer.mint({ aud: 'other' })), /invalid audience \(aud\) claim/)
    assert.match(
      await refuse('ci', issuer.mint({ event_name: 'pull_request' })),
      /claim "event_name" does not match any associated bound claim values/,
    )
    assert.match(await refuse('ci', issuer.mint({}, { key: 'attacker', header: { kid: 'k1' } })), /no known key successfully validated/)
    assert.match(await refuse('ci', issuer.mint({ exp: 1 })), /token is expired/)
  })

  it('makes database logins that end by themselves when nobody renews them', async () => {
    const token = await login('ci')
    const { data, lease_id: id, lease_duration: seconds } = await call('database/creds/short', token)
    assert.equal(seconds, 4)
    const client = new Client({
      host: postgres.host,
      port: postgres.port,
      database,
      user: String(data?.['username']),
      password: String(data?.['password']),
    })
    await client.connect()
    await client.query('SELECT a FROM t')
    await client.end()
    assert.equal((await call('sys/leases/renew', token, { lease_id: id })).status, 200)
    const deadline = performance.now() + 60_000
    while ((await has(data?.['username'])) && performance.now() < deadline) await new Promise(resolve => setTimeout(resolve, 50))
    assert.equal(await has(data?.['username']), false)
    const late = await call('sys/leases/renew', token, { lease_id: id })
    assert.deepEqual([late.status, late.errors], [400, ['lease not found']])
  })

  it('drops a login when its lease is revoked, and all of a token’s with the token', async () => {
    const token = await login('ci')
    const [first, second] = [await call('database/creds/long', token), await call('database/creds/long', token)]
    assert.equal((await call('sys/leases/revoke', token, { lease_id: first.lease_id, sync: true })).status, 204)
    assert.deepEqual([await has(first.data?.['username']), await has(second.data?.['username'])], [false, true])
    assert.equal((await call('auth/token/revoke-self', token, {})).status, 204)
    assert.equal(await has(second.data?.['username']), false)
    assert.equal((await call('database/creds/long', token)).status, 403)
  })

  it('answers 500 when the database refuses', async () => {
    const answer = await call('database/creds/broken', await login('ci'))
    assert.equal(answer.status, 500)
    assert.match((answer.errors ?? []).join(), /relation "missing" does not exist/)
    assert.deepEqual(await postgres.query(database, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-jwt-broken%'"), [])
  })

  it('keeps versions of secrets, and the metadata of deleted ones', async () => {
    const token = await login('ci')
    vault.secrets.put('a/b', { x: '1' })
    vault.secrets.put('a/b', { x: '2' })
    const { data } = await call('secret/data/a/b', token)
    assert.deepEqual(data?.['data'], { x: '2' })
    assert.deepEqual((await call('secret/data/a/b?version=1', token)).data?.['data'], { x: '1' })
    vault.secrets.delete('a/b')
    const gone = await call('secret/data/a/b', token)
    assert.equal(gone.status, 404)
    assert.equal((gone.data?.['metadata'] as { version?: number } | undefined)?.version, 2)
  })

  it('keeps policies, namespaces and its seal', async () => {
    const token = await login('kv')
    assert.equal((await call('secret/data/a/none', token)).status, 404)
    assert.equal((await call('database/creds/long', token)).status, 403)
    assert.equal((await call('secret/data/a/none', 'hvs.invented')).status, 403)
    assert.equal((await call('secret/data/a/none', token, undefined, 'elsewhere')).status, 404)
    vault.state.isSealed = true
    const sealed = await call('secret/data/a/none', token)
    vault.state.isSealed = false
    assert.deepEqual([sealed.status, sealed.errors], [503, ['Vault is sealed']])
  })
})
