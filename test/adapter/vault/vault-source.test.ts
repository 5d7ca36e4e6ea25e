// The Vault source against the stateful stand-in with a real PostgreSQL: what it gets works, and is gone when it was closed.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { createHttp } from '../../../gateway/adapter/https/https-client.ts'
import { fetchGithubToken } from '../../../gateway/adapter/oidc/github-token.ts'
import { createVaultSource } from '../../../gateway/adapter/vault/vault-source.ts'
import type { VaultSettings } from '../../../gateway/adapter/vault/vault-settings.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import type { CredentialRef } from '../../../gateway/core/connection.ts'
import type { CredentialContext, CredentialSource, Lease } from '../../../gateway/core/credential.ts'
import { SallyportError } from '../../../gateway/core/errors.ts'
import type { ErrorCode } from '../../../gateway/core/errors.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { parseCredentialRef } from '../../../gateway/policy/credential-ref.ts'
import { startIssuer } from '../../../world/issuer/issuer.ts'
import type { Issuer } from '../../../world/issuer/issuer.ts'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { startVault } from '../../../world/vault/vault.ts'
import type { Vault } from '../../../world/vault/vault.ts'

// Pauses between attempts take no time here.
const http = createHttp({}, { ...systemClock, sleep: async () => undefined })
const signal = new AbortController().signal

describe('vault source', () => {
  let issuer: Issuer
  let postgres: PostgresServer
  let vault: Vault
  let database: string
  let asked: string[]

  before(async () => {
    issuer = await startIssuer()
    postgres = await startPostgres()
    database = await postgres.createDatabase('CREATE TABLE orders AS SELECT 1 AS id')
    const policies = { 'ci-only': ['database/creds/orders-ci'], full: ['*'] }
    vault = await startVault({ issuer: { url: issuer.url, address: issuer.address }, postgres, policies })
    vault.jwtRoles.set('ci', { boundAudiences: ['vault'], boundClaims: { repository_id: '123' }, policies: ['full'] })
    vault.jwtRoles.set('narrow', { boundAudiences: ['vault'], policies: ['ci-only'] })
    vault.jwtRoles.set('elsewhere', { boundAudiences: ['vault'], boundClaims: { repository_id: '999' } })
    vault.jwtRoles.set('no-audience', {})
    vault.databaseRoles.set('orders-ci', { database, grants: ['GRANT SELECT ON orders TO "{{name}}"'] })
    vault.secrets.put('orders', { password: 'first', number: 5, empty: '' })
    vault.secrets.put('orders', { password: 'second', nested: { 'a/b': 'deep' }, number: 5, empty: '' })
    vault.sshRoles.set('ci', { allowedUsers: ['deploy'], ttlSec: 600 })
    asked = []
  })
  after(async () => {
    await vault.stop()
    await postgres.stop()
    await issuer.stop()
  })

  function source(changes: Partial<VaultSettings> & { readonly role?: string; readonly mount?: string } = {}): CredentialSource {
    const { role = 'ci', mount = 'jwt', ...settings } = changes
    const auth = { method: 'jwt', mount, role, audience: 'vault' } as const
    return createVaultSource(
      { name: 'vault', address: vault.address, namespace: null, ca: null, auth, ...settings },
      { http, clock: systemClock },
    )
  }

  const context = (changes: Partial<CredentialContext> = {}): CredentialContext => ({
    idToken: (audience, abort) => {
      asked.push(audience)
      return fetchGithubToken({ audience, environment: { ...issuer.grant() }, isFork: false, http }, abort)
    },
    publicKey: null,
    login: null,
    ...changes,
  })

  const roles = async (): Promise<readonly string[]> =>
    (await postgres.query(database, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-jwt-%' ORDER BY 1")).map(([name]) => name ?? '')

  it('gets a database login that works while it is leased and is gone when the source was closed', async () => {
    const vaultSource = source()
    const lease = await vaultSource.acquire(refOf('vault://database/creds/orders-ci'), context(), signal)
    assert.deepEqual(await roles(), [lease.username])
    assert.deepEqual(await queryAs(postgres, database, lease), [{ id: 1 }])
    assert.ok((lease.expiresAt?.getTime() ?? 0) > Date.now() + 3_500_000)
    const password = lease.secret.reveal().toString()

    const words = await vaultSource.close(signal)
    assert.deepEqual(words, ['vault: database/creds/orders-ci: revoked'])
    assert.deepEqual(await roles(), [])
    await assert.rejects(queryAs(postgres, database, lease, password), /password authentication failed/)
    assert.equal(vault.book.tokens.size, 0)
    assert.equal(vault.book.leases.size, 0)
    assert.deepEqual(
      [...lease.secret.reveal()].filter(byte => byte !== 0),
      [],
      'the password is wiped',
    )
  })

  it('logs in with a token for its own audience, once for all who ask, and lends one role to all of them', async () => {
    const vaultSource = source()
    const before = asked.length
    const ref = refOf('vault://database/creds/orders-ci')
    const leases = await Promise.all([1, 2, 3].map(() => vaultSource.acquire(ref, context(), signal)))
    assert.deepEqual(asked.slice(before), ['vault'])
    assert.equal(new Set(leases.map(lease => lease.username)).size, 1)
    assert.equal((await roles()).length, 1)
    await vaultSource.close(signal)
    assert.deepEqual(await roles(), [])
  })

  it('takes what is left away with its login when it may not revoke leases', async () => {
    const vaultSource = source({ role: 'narrow' })
    await vaultSource.acquire(refOf('vault://database/creds/orders-ci'), context(), signal)
    assert.deepEqual(await vaultSource.close(signal), ["vault: database/creds/orders-ci: revoked with the gateway's login"])
    assert.deepEqual(await roles(), [])
  })

  it('says until when a credential lives that it could not revoke', async () => {
    const vaultSource = source()
    await vaultSource.acquire(refOf('vault://database/creds/orders-ci'), context(), signal)
    vault.state.isSealed = true
    const [words = ''] = await vaultSource.close(signal).finally(() => {
      vault.state.isSealed = false
    })
    assert.match(words, /could not be revoked, it lives until \d{4}-/)
    await vault.book.close()
  })

  it('keeps login and lease alive beyond their first time, and the database login with them', async () => {
    vault.jwtRoles.set('brief', { boundAudiences: ['vault'], ttlSec: 8, maxTtlSec: 120 })
    vault.databaseRoles.set('brief', { database, grants: [], ttlSec: 8, maxTtlSec: 120 })
    const vaultSource = source({ role: 'brief' })
    const ref = refOf('vault://database/creds/brief')
    const lease = await vaultSource.acquire(ref, context(), signal)
    const firstEnd = lease.expiresAt?.getTime() ?? 0
    const before = vault.requests.length
    const renewals = (path: string): number => vault.requests.slice(before).filter(request => request === `POST ${path}`).length
    const deadline = performance.now() + 60_000
    const areRenewed = (): boolean => renewals('sys/leases/renew') > 0 && renewals('auth/token/renew-self') > 0
    while (!(areRenewed() && Date.now() > firstEnd) && performance.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    assert.ok(areRenewed() && Date.now() > firstEnd, 'its first time is over')
    assert.deepEqual(await roles(), [lease.username])
    assert.ok((lease.expiresAt?.getTime() ?? 0) > firstEnd)
    assert.equal((await vaultSource.acquire(ref, context(), signal)).username, lease.username)
    await vaultSource.close(signal)
    assert.deepEqual(await roles(), [])
  })

  it('reads a field of a secret, of a version, and below a pointer', async () => {
    const vaultSource = source()
    const read = async (text: string): Promise<string> =>
      (await vaultSource.acquire(refOf(text), context(), signal)).secret.reveal().toString()
    assert.equal(await read('vault://secret/data/orders#password'), 'second')
    assert.equal(await read('vault://secret/data/orders?version=1#password'), 'first')
    assert.equal(await read('vault://secret/data/orders#/nested/a~1b'), 'deep')
    assert.deepEqual(await vaultSource.close(signal), [])
    assert.equal(vault.book.tokens.size, 0)
  })

  it('refuses empty values, numbers, missing fields, deleted versions and missing secrets, and prints none of them', async () => {
    const vaultSource = source()
    vault.secrets.put('gone', { password: 'canary-7731' })
    vault.secrets.delete('gone')
    const cases: readonly [string, ErrorCode, RegExp][] = [
      ['vault://secret/data/orders#empty', 'CREDENTIAL_UNAVAILABLE', /the value is empty/],
      ['vault://secret/data/orders#number', 'CREDENTIAL_UNAVAILABLE', /is not a text/],
      ['vault://secret/data/orders#toString', 'CREDENTIAL_UNAVAILABLE', /there is no field toString/],
      ['vault://secret/data/gone#password', 'CREDENTIAL_UNAVAILABLE', /was deleted/],
      ['vault://secret/data/nothing#password', 'VAULT_NOT_FOUND', /nothing at secret\/data\/nothing/],
      ['vault://elsewhere/creds/x', 'VAULT_NOT_FOUND', /nothing at elsewhere/],
      ['vault://database/creds/unknown', 'VAULT_NOT_FOUND', /nothing at database\/creds\/unknown/],
      ['vault://database/creds/orders-ci?ttl=1h', 'CREDENTIAL_UNAVAILABLE', /parameter ttl is not known/],
      ['vault://database/roles/orders-ci', 'CREDENTIAL_UNAVAILABLE', /path is none of/],
    ]
    for (const [text, code, words] of cases) await refuses(vaultSource.acquire(refOf(text), context(), signal), code, words)
    await vaultSource.close(signal)
  })

  it('says what a refused login lacks, in Vault’s own words, and never the token', async () => {
    const minted: string[] = []
    const spying = context({
      idToken: async audience => {
        minted.push(issuer.mint({ aud: audience }))
        return new Secret(minted.at(-1) ?? '')
      },
    })
    const cases: readonly [Parameters<typeof source>[0], ErrorCode, RegExp][] = [
      [{ role: 'elsewhere' }, 'VAULT_LOGIN_REFUSED', /claim "repository_id" does not match/],
      [{ role: 'no-audience' }, 'VAULT_LOGIN_REFUSED', /no audiences bound to the role/],
      [{ role: 'unknown' }, 'VAULT_NOT_FOUND', /role "unknown" could not be found/],
      [{ namespace: 'team-a' }, 'VAULT_NOT_FOUND', /no handler for route/],
    ]
    for (const [settings, code, words] of cases) {
      const error = await refuses(source(settings).acquire(refOf('vault://database/creds/orders-ci'), spying, signal), code, /vault/)
      assert.match(error.why ?? '', words)
      for (const token of minted) assert.ok(!`${error.message} ${error.why ?? ''} ${error.fix ?? ''}`.includes(token))
    }
    assert.deepEqual(await roles(), [])
  })

  it('tries again what may pass, and never a refusal', async () => {
    const vaultSource = source()
    vault.state.failures = 2
    vault.state.failureStatus = 502
    await vaultSource.acquire(refOf('vault://secret/data/orders#password'), context(), signal)
    const before = vault.requests.length
    await refuses(
      source({ role: 'elsewhere' }).acquire(refOf('vault://secret/data/orders#password'), context(), signal),
      'VAULT_LOGIN_REFUSED',
      /refused/,
    )
    assert.equal(vault.requests.length, before + 1)
    vault.state.isSealed = true
    const sealed = source().acquire(refOf('vault://secret/data/orders#password'), context(), signal)
    await refuses(sealed, 'CREDENTIAL_UNAVAILABLE', /sealed/).finally(() => {
      vault.state.isSealed = false
    })
    await vaultSource.close(signal)
  })

  it('logs in again when its login was revoked by somebody else', async () => {
    const vaultSource = source()
    await vaultSource.acquire(refOf('vault://secret/data/orders#password'), context(), signal)
    await vault.book.close()
    const lease = await vaultSource.acquire(refOf('vault://secret/data/orders#password'), context(), signal)
    assert.equal(lease.secret.reveal().toString(), 'second')
    await vaultSource.close(signal)
  })

  it('gets an ssh certificate for the gateway’s own key, for the login of the connection only', async () => {
    const vaultSource = source()
    const publicKey = opensshKey()
    const ref = refOf('vault://ssh/sign/ci')
    const lease = await vaultSource.acquire(ref, context({ publicKey, login: 'deploy' }), signal)
    assert.match(lease.certificate ?? '', /^ssh-ed25519-cert-v01@openssh\.com /)
    const leftMs = (lease.expiresAt?.getTime() ?? 0) - Date.now()
    assert.ok(leftMs > 590_000 && leftMs <= 601_000, String(leftMs))
    await refuses(
      vaultSource.acquire(ref, context({ publicKey, login: 'root' }), signal),
      'CREDENTIAL_UNAVAILABLE',
      /root is not a valid value/,
    )
    await refuses(vaultSource.acquire(ref, context(), signal), 'CREDENTIAL_UNAVAILABLE', /no key to sign/)
    const issued = await vaultSource.acquire(refOf('vault://ssh/issue/ci'), context({ login: 'deploy' }), signal)
    assert.match(issued.secret.reveal().toString(), /PRIVATE KEY/)
    await vaultSource.close(signal)
  })

  it('gets a service account’s token for one namespace and gives it back', async () => {
    const revoked: string[] = []
    const mint = (namespace: string): { token: string; revoke: () => Promise<void> } => ({
      token: `token-of-${namespace}`,
      revoke: async () => {
        revoked.push(namespace)
      },
    })
    vault.kubernetesRoles.set('ci', { namespaces: ['shop'], mint })
    const vaultSource = source()
    const lease = await vaultSource.acquire(refOf('vault://kubernetes/creds/ci?namespace=shop'), context(), signal)
    assert.deepEqual([lease.kind, lease.secret.reveal().toString()], ['token', 'token-of-shop'])
    await refuses(
      vaultSource.acquire(refOf('vault://kubernetes/creds/ci?namespace=kube-system'), context(), signal),
      'CREDENTIAL_UNAVAILABLE',
      /not present/,
    )
    await vaultSource.close(signal)
    assert.deepEqual(revoked, ['shop'])
  })

  it('speaks to an address that is not https only on loopback', () => {
    assert.throws(() => source({ address: 'http://vault.internal:8200' }), /must be https/)
  })
})

function refOf(text: string): CredentialRef {
  const parsed = parseCredentialRef(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.ref
}

async function queryAs(server: PostgresServer, database: string, lease: Lease, password?: string): Promise<unknown[]> {
  const login = { user: lease.username ?? '', password: password ?? lease.secret.reveal().toString() }
  const client = new Client({ host: server.host, port: server.port, database, ...login })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>('SELECT id FROM orders')).rows
  } finally {
    await client.end()
  }
}

async function refuses(acquiring: Promise<Lease>, code: ErrorCode, words: RegExp): Promise<SallyportError> {
  const error = await acquiring.then(
    () => assert.fail(`nothing was refused, expected ${code}`),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof SallyportError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, words)
  assert.doesNotMatch(`${error.message} ${error.why ?? ''} ${error.fix ?? ''}`, /canary|eyJ|hvs\./)
  return error
}

/** A new ed25519 public key in OpenSSH's format. */
function opensshKey(): string {
  const raw = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from('ssh-ed25519')), field(raw)]).toString('base64')}`
}

function field(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
}
