// Asks one engine of Vault for a credential and reads its answer.
import type { CredentialRef } from '../../core/connection.ts'
import type { CredentialContext, Lease } from '../../core/credential.ts'
import { SallyportError } from '../../core/errors.ts'
import { credentialUnavailable, readDocumentCredential } from '../../core/plain-credential.ts'
import { Secret } from '../../core/secret.ts'
import { readValidBefore } from './ssh-certificate.ts'
import { objectOf, unavailable } from './vault-client.ts'
import type { VaultAnswer, VaultCall, VaultClient } from './vault-client.ts'
import type { VaultWish } from './vault-path.ts'

/** What came: the lease without its end, and Vault's own lease when there is one to renew and revoke. */
export interface Credential {
  readonly lease: Lease
  readonly vaultLease: { readonly id: string; readonly ttlSec: number; readonly isRenewable: boolean } | null
}

/** @throws {SallyportError} CREDENTIAL_UNAVAILABLE when the wish lacks something that the connection must bring. */
export function callFor(wish: VaultWish, ref: CredentialRef, context: CredentialContext): VaultCall {
  switch (wish.engine) {
    case 'kv':
      return { method: 'GET', path: wish.path, ...(wish.version === null ? {} : { query: { version: wish.version } }) }
    case 'database':
      return { method: 'GET', path: wish.path }
    case 'kubernetes':
      return { method: 'POST', path: wish.path, body: { kubernetes_namespace: wish.namespace, ...optional('ttl', wish.ttl) } }
    case 'ssh-otp':
      return { method: 'POST', path: wish.path, body: { ip: wish.ip, ...optional('username', context.login) } }
    case 'ssh-sign':
      if (context.publicKey === null) throw credentialUnavailable(ref, 'this connection has no key to sign')
      return {
        method: 'POST',
        path: wish.path,
        body: {
          public_key: context.publicKey,
          cert_type: 'user',
          ...optional('valid_principals', wish.principals ?? context.login),
          ...optional('ttl', wish.ttl),
        },
      }
    case 'ssh-issue':
      return {
        method: 'POST',
        path: wish.path,
        body: {
          key_type: 'ed25519',
          cert_type: 'user',
          ...optional('valid_principals', wish.principals ?? context.login),
          ...optional('ttl', wish.ttl),
        },
      }
  }
}

/** @throws {SallyportError} VAULT_NOT_FOUND, CREDENTIAL_UNAVAILABLE. */
export function readCredential(wish: VaultWish, ref: CredentialRef, answer: VaultAnswer, client: VaultClient): Credential {
  if (answer.status !== 200) throw readError(ref, answer, client)
  const members = objectOf(answer.members['data']) ?? {}
  const base = { username: null, certificate: null, expiresAt: null, receipt: ref.text }
  const text = (name: string): string => {
    const value = members[name]
    if (typeof value !== 'string' || value === '') throw credentialUnavailable(ref, `vault's answer has no ${name}`)
    return value
  }
  switch (wish.engine) {
    case 'kv':
      return { lease: readDocumentCredential(members['data'], ref), vaultLease: null }
    case 'database': {
      const lease: Lease = { ...base, kind: 'password', username: text('username'), secret: new Secret(text('password')) }
      return { lease, vaultLease: readLease(answer) }
    }
    case 'kubernetes':
      return { lease: { ...base, kind: 'token', secret: new Secret(text('service_account_token')) }, vaultLease: readLease(answer) }
    case 'ssh-otp': {
      if (text('key_type') !== 'otp') throw credentialUnavailable(ref, 'the role makes no one-time passwords')
      const lease: Lease = { ...base, kind: 'password', username: text('username'), secret: new Secret(text('key')), isOneTime: true }
      return { lease, vaultLease: readLease(answer) }
    }
    case 'ssh-sign':
    case 'ssh-issue': {
      // For `sign` the private half never leaves the engine that made it, so the lease holds the certificate only.
      const secret = new Secret(wish.engine === 'ssh-issue' ? text('private_key') : '')
      const certificate = text('signed_key').trim()
      return { lease: { ...base, kind: 'ssh-certificate', secret, certificate, expiresAt: readValidBefore(certificate) }, vaultLease: null }
    }
  }
}

function optional(name: string, value: string | null): Readonly<Record<string, string>> {
  return value === null ? {} : { [name]: value }
}

/** Static roles have no lease: there is nothing to revoke. */
function readLease(answer: VaultAnswer): Credential['vaultLease'] {
  const { lease_id: id, lease_duration: ttlSec, renewable } = answer.members
  if (typeof id !== 'string' || id === '' || typeof ttlSec !== 'number') return null
  return { id, ttlSec, isRenewable: renewable === true }
}

function readError(ref: CredentialRef, answer: VaultAnswer, client: VaultClient): SallyportError {
  const { name } = client.settings
  const { status, errors } = answer
  const isDeleted = status === 404 && objectOf(answer.members['data']) !== null
  if (isDeleted) return credentialUnavailable(ref, 'this version of the secret was deleted')
  if (status === 404 || /unknown role|could not be found|no handler for route|unsupported path/.test(errors)) {
    return new SallyportError('VAULT_NOT_FOUND', `vault has nothing at ${ref.path} (source ${name})`, {
      why: errors === '' ? 'a wrong path or `namespace`, or no permission to see it' : `vault says: ${errors}`,
      fix: 'check the credential reference, and `namespace` in `sources:`',
    })
  }
  if (status === 403) {
    return new SallyportError('CREDENTIAL_UNAVAILABLE', `vault refused ${ref.path} (source ${name}): permission denied`, {
      why: `the policies of role ${client.settings.auth.role} do not allow it`,
      fix: 'allow it in a Vault policy of the role; nothing is used in its place',
    })
  }
  if (status === 503) return unavailable(name, 'it is sealed or not ready')
  return unavailable(name, `status ${String(status)} for ${ref.path}${errors === '' ? '' : `: ${errors}`}`)
}
