// What a `vault://` path asks for. The engine is told by the word after the mount, as in Vault's own API.
import { isIP } from 'node:net'
import type { CredentialRef } from '../../core/connection.ts'
import { checkParams, credentialUnavailable } from '../../core/plain-credential.ts'

export type VaultWish =
  | { readonly engine: 'kv'; readonly path: string; readonly version: string | null }
  | { readonly engine: 'database'; readonly path: string }
  | { readonly engine: 'kubernetes'; readonly path: string; readonly namespace: string; readonly ttl: string | null }
  | { readonly engine: 'ssh-otp'; readonly path: string; readonly ip: string }
  | { readonly engine: 'ssh-sign' | 'ssh-issue'; readonly path: string; readonly ttl: string | null; readonly principals: string | null }

/** @throws {SallyportError} CREDENTIAL_UNAVAILABLE when the path is of no engine that is known, or a parameter is not. */
export function readVaultPath(ref: CredentialRef): VaultWish {
  const steps = ref.path.split('/')
  const hasOddStep = steps.some(step => step === '' || step === '.' || step === '..')
  const at = steps.findIndex((step, index) => index > 0 && ['data', 'creds', 'static-creds', 'sign', 'issue'].includes(step))
  const word = steps[at]
  const below = steps.length - 1 - at
  if (hasOddStep || at < 1 || below < 1 || (word !== 'data' && below !== 1)) {
    throw credentialUnavailable(ref, 'the path is none of MOUNT/data/PATH, MOUNT/creds/ROLE, MOUNT/sign/ROLE and MOUNT/issue/ROLE')
  }
  const { path } = ref
  const { version = null, namespace, ip, ttl = null, principals = null } = ref.params
  if (word === 'data') {
    checkParams(ref, ['version'])
    if (ref.field === null) throw credentialUnavailable(ref, 'a secret of the KV engine needs a #field')
    if (version !== null && !/^[1-9]\d{0,9}$/.test(version)) throw credentialUnavailable(ref, 'version is not a number')
    return { engine: 'kv', path, version }
  }
  if (ref.field !== null) throw credentialUnavailable(ref, 'this engine makes whole credentials; leave out the #field')
  if (ttl !== null && !/^[1-9]\d{0,8}[smh]?$/.test(ttl)) throw credentialUnavailable(ref, 'ttl is not a duration such as 15m')
  if (word === 'sign' || word === 'issue') {
    checkParams(ref, ['ttl', 'principals'])
    return { engine: word === 'sign' ? 'ssh-sign' : 'ssh-issue', path, ttl, principals }
  }
  if (namespace !== undefined && word === 'creds') {
    checkParams(ref, ['namespace', 'ttl'])
    return { engine: 'kubernetes', path, namespace, ttl }
  }
  if (ip !== undefined && word === 'creds') {
    checkParams(ref, ['ip'])
    if (isIP(ip) === 0) throw credentialUnavailable(ref, 'ip is not an address')
    return { engine: 'ssh-otp', path, ip }
  }
  checkParams(ref, [])
  return { engine: 'database', path }
}
