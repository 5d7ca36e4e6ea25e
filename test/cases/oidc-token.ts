// Makes the token that a row of oidc-negative.jsonl describes: the base token with the row's header, claims and signature.
import { createPublicKey, randomBytes, randomUUID } from 'node:crypto'
import type { KeyName, KeyRing } from '../../world/issuer/key-ring.ts'

export interface OidcRow {
  readonly id: string
  readonly cat: string
  readonly what: string
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly expect: 'accept' | 'reject'
  readonly reason: string | null
  /** `valid` when left out; `jwks:KEY`, `hmac:…`, `attacker`, `noncanonical`, `padded`, `newline`, or nothing at all. */
  readonly sig?: string
  readonly jwks?: string
  readonly clock?: string
  readonly repeat?: number
  readonly replica?: number
  readonly transport?: string
}

/** Runs the service stand-in knows. */
export const runs = { active: '100', finished: '99' } as const

const keyNames: readonly KeyName[] = ['k1', 'k2', 'ec1', 'weak1024', 'enc1', 'attacker']

/** @param base the positive control, whose header and claims the row changes; a member that is null is left out. */
export function tokenOf(base: OidcRow, row: OidcRow, keys: KeyRing, nowSec: number): string {
  const header = textOf(base.header, row.header, nowSec)
  const payload = payloadOf(base, row, nowSec)
  const sig = row.sig ?? 'valid'
  const alg = 'raw' in row.header ? 'RS256' : (row.header['alg'] ?? base.header['alg'])
  if (row.sig === undefined && alg === 'none') return unsigned(header, payload)
  if (sig === '') return unsigned(header, payload)
  if (sig.startsWith('hmac:')) return keys.hmac(header, payload.toString('utf8'), sharedSecret(sig.slice(5), keys))
  if (sig.startsWith('jwks:')) return keys.sign(header, payload, keyOf(sig.slice(5)))
  if (sig === 'attacker') return keys.sign(header, payload, 'attacker')
  const kid = row.header['kid']
  const valid = keys.sign(header, payload, keyNames.find(name => name === kid) ?? 'k1')
  switch (sig) {
    case 'valid':
      return valid
    case 'noncanonical':
      return respell(valid)
    case 'padded':
    case 'padding':
      return `${valid}==`
    case 'newline':
      return `${valid}\n`
    default:
      throw new Error(`this kind of signature is not known: ${sig}`)
  }
}

/** The claims as the row means them, for the policy; null when they are not a JSON object at all. */
export function claimsOf(base: OidcRow, row: OidcRow, nowSec: number): Readonly<Record<string, unknown>> | null {
  return 'raw' in row.claims || 'raw_bytes' in row.claims ? null : merge(base.claims, row.claims, nowSec)
}

function deepen(_: string, depth: string): string {
  return '['.repeat(Number(depth)) + ']'.repeat(Number(depth))
}

function payloadOf(base: OidcRow, row: OidcRow, nowSec: number): Buffer {
  const bytes = row.claims['raw_bytes']
  if (typeof bytes === 'string') {
    // The bytes stand where a claim's text would: the rest of the payload is as it should be.
    const [before = '', after = ''] = JSON.stringify({ ...merge(base.claims, {}, nowSec), extra: '@@' }).split('@@')
    return Buffer.concat([Buffer.from(before), Buffer.from(bytes.replaceAll(' ', ''), 'hex'), Buffer.from(after)])
  }
  return Buffer.from(textOf(base.claims, row.claims, nowSec))
}

function textOf(base: Readonly<Record<string, unknown>>, changes: Readonly<Record<string, unknown>>, nowSec: number): string {
  const { raw } = changes
  // Depth is written out here: what JSON.stringify makes of it would need as deep a stack.
  return typeof raw === 'string' ? raw : JSON.stringify(merge(base, changes, nowSec)).replaceAll(/"<\[x(\d+)>"/g, deepen)
}

function merge(
  base: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
  nowSec: number,
): Readonly<Record<string, unknown>> {
  const merged = Object.entries({ ...base, ...changes }).filter(([, value]) => value !== null)
  return Object.fromEntries(merged.map(([name, value]) => [name, fill(name, value, nowSec)]))
}

/** Puts values where the file has words for them. */
function fill(name: string, value: unknown, nowSec: number): unknown {
  if (typeof value !== 'string') return value
  const [, sign, seconds] = /^now(?:([+-])(\d+))?$/.exec(value) ?? []
  if (value === 'now' || seconds !== undefined) return nowSec + (sign === '-' ? -1 : 1) * Number(seconds ?? 0)
  if (value === 'null') return null
  if (/^".*"$/.test(value)) return String(fill(name, value.slice(1, -1), nowSec))
  if (value === '<uuid>' || (name === 'jti' && value === 'new')) return randomUUID()
  if (name === 'run_id' && value === 'same') return runs.active
  if (name === 'run_id' && value === 'finished') return runs.finished
  const [, digits] = /^<(\d+) hex>$/.exec(value) ?? []
  if (digits !== undefined) return 'c'.repeat(Number(digits))
  const [, count, unit, letter] = /^<(\d+) ?([KM])i?B of (.)>$/.exec(value) ?? []
  if (letter !== undefined) return letter.repeat(Number(count) * (unit === 'M' ? 1_048_576 : 1_024))
  return value
}

/** A key that the ring does not know is one that the issuer does not publish. */
function keyOf(name: string): KeyName {
  return keyNames.find(known => known === name) ?? 'attacker'
}

function unsigned(header: string, payload: Buffer): string {
  return `${Buffer.from(header).toString('base64url')}.${payload.toString('base64url')}.`
}

/** Public halves that an attacker could take for a shared secret. */
function sharedSecret(kind: string, keys: KeyRing): Buffer | string {
  const { jwk } = keys.key('k1')
  switch (kind) {
    case 'jwk-n':
      return Buffer.from(jwk.n ?? '', 'base64url')
    case 'jwk':
      return JSON.stringify(jwk)
    case 'pem':
      return createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'pem', type: 'spki' })
    case 'der':
      return createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' })
    case 'empty':
      return ''
    default:
      return randomBytes(32)
  }
}

/** The same signature bytes with other unused bits in the last character. */
function respell(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(token.at(-1) ?? '')
  return token.slice(0, -1) + (alphabet[last ^ 1] ?? '')
}
