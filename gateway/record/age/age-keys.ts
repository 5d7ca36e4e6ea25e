// Keys of age v1's X25519: recipients `age1…`, and identities `AGE-SECRET-KEY-1…` as `age-keygen` writes them.
// https://c2sp.org/age
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { SallyportError } from '../../core/errors.ts'
import { decodeBech32 } from './bech32.ts'

const KEY_BYTES = 32
/** What precedes the 32 bytes of an X25519 key in SubjectPublicKeyInfo and in PKCS #8 (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex')
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex')

export interface AgeKey {
  readonly raw: Buffer
  readonly key: KeyObject
}

export interface AgeIdentity {
  readonly recipient: AgeKey
  readonly privateKey: KeyObject
}

/** One auditor's public key. @throws {SallyportError} POLICY_INVALID: nothing is recorded to a key that nobody can use. */
export function readRecipient(text: string): AgeKey {
  const raw = decodeBech32('age', text)
  if (text === text.toLowerCase() && raw?.length === KEY_BYTES) {
    const recipient = publicKeyOf(raw)
    if (isUsable(recipient)) return recipient
  }
  throw new SallyportError('POLICY_INVALID', `recording.encrypt-to: ${text.slice(0, 100)} is not an age X25519 recipient`, {
    why: 'a typing error, or a key of another kind (plugins, passphrases and SSH keys are not taken); nothing is recorded in the clear instead',
    fix: 'take the line `public key: age1…` that age-keygen prints',
  })
}

/** Identities of a key file: one a line, `#` starts a comment. @throws {SallyportError} UNREADABLE; never with a part of the file. */
export function readIdentities(text: string, file: string): readonly AgeIdentity[] {
  const lines = text.split(/\r?\n/).filter(line => line.trim() !== '' && !line.startsWith('#'))
  const identities = lines.map(line => identityOf(line.trim()))
  const found = identities.filter(identity => identity !== null)
  if (found.length > 0 && found.length === lines.length) return found
  throw new SallyportError('UNREADABLE', `${file} is not a file of age identities`, {
    why:
      lines.length === 0 ? 'there is no key in it' : 'a line of it is not an X25519 secret key; key files under a passphrase are not read',
    fix: 'give the file that age-keygen wrote; decrypt it first (age -d) where it is under a passphrase',
  })
}

function identityOf(text: string): AgeIdentity | null {
  const raw = text === text.toUpperCase() ? decodeBech32('age-secret-key-', text) : null
  if (raw?.length !== KEY_BYTES) return null
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, raw]), format: 'der', type: 'pkcs8' })
  return { recipient: rawOf(createPublicKey(privateKey)), privateKey }
}

export function publicKeyOf(raw: Buffer): AgeKey {
  return { raw, key: createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' }) }
}

/** A key pair for one file and one recipient. */
export function newPair(): AgeIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  return { recipient: rawOf(publicKey), privateKey }
}

function rawOf(key: KeyObject): AgeKey {
  return { raw: key.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length), key }
}

/** False for points of low order, with which anybody could read the file. */
function isUsable(recipient: AgeKey): boolean {
  try {
    const shared = diffieHellman({ privateKey: newPair().privateKey, publicKey: recipient.key })
    return shared.some(byte => byte !== 0)
  } catch {
    return false
  }
}
