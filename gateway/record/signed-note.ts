// C2SP signed notes with Ed25519 keys: a text, a blank line, and lines `— NAME BASE64(key id ‖ signature)`.
// Strict on purpose: a note that is not spelled as a signer spells it does not verify.
// https://c2sp.org/signed-note
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const ED25519 = 1
const KEY_ID_BYTES = 4
const SIGNATURE_BYTES = 64
/** What precedes the 32 bytes of an Ed25519 public key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')
/** What precedes the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const SEED_BYTES = 32

export interface NoteVerifier {
  readonly name: string
  /** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). */
  readonly keyId: Buffer
  readonly publicKey: KeyObject
  /** The verifier key `name+hash+base64`. */
  readonly text: string
}

export interface NoteSigner extends NoteVerifier {
  readonly privateKey: KeyObject
}

/**
 * Makes a key that lives only in this process.
 * @throws {RangeError} for a name that a note cannot hold: empty, with white space, or with `+`.
 */
export function createSigner(name: string): NoteSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length)
  return { ...verifierOf(name, raw), privateKey }
}

/**
 * Reads an Ed25519 key that somebody keeps: PEM (PKCS #8), or `PRIVATE+KEY+name+hash+base64` as tools for signed notes write it.
 * @param name of a key in PEM, which has none of its own. null when it is neither, or its hash does not belong to it.
 */
export function readSigner(text: string, name = 'sallyport'): NoteSigner | null {
  const [, given, hex, base64] = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text.trim()) ?? []
  const typed = base64 === undefined ? null : canonicalBase64(base64)
  try {
    if (given === undefined) return signerOf(name, createPrivateKey(text))
    if (typed?.length !== 1 + SEED_BYTES || typed[0] !== ED25519) return null
    const key = Buffer.concat([PKCS8_HEAD, typed.subarray(1)])
    const signer = signerOf(given, createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
    return signer?.keyId.toString('hex') === hex ? signer : null
  } catch {
    return null
  }
}

function signerOf(name: string, privateKey: KeyObject): NoteSigner | null {
  if (privateKey.asymmetricKeyType !== 'ed25519' || !isName(name)) return null
  const raw = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length)
  return { ...verifierOf(name, raw), privateKey }
}

/** Reads a verifier key `name+hash+base64`; null when it is not one, or its hash does not belong to it. */
export function readVerifier(text: string): NoteVerifier | null {
  const [, name, hex, base64] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/u.exec(text) ?? []
  if (name === undefined || hex === undefined || base64 === undefined || !isName(name)) return null
  const key = canonicalBase64(base64)
  if (key === null || key.length !== 33 || key[0] !== ED25519) return null
  const verifier = verifierOf(name, key.subarray(1))
  return verifier.keyId.toString('hex') === hex ? verifier : null
}

/** @param text must end with a newline. */
export function signNote(text: string, signer: NoteSigner): string {
  const signature = sign(null, Buffer.from(text, 'utf8'), signer.privateKey)
  return `${text}\n— ${signer.name} ${Buffer.concat([signer.keyId, signature]).toString('base64')}\n`
}

/** The signed text, when one of the note's signatures is by this key and is right; null otherwise. */
export function openNote(note: string, verifier: NoteVerifier): string | null {
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) return null
  const text = note.slice(0, split + 1)
  let isSigned = false
  for (const line of note.slice(split + 2, -1).split('\n')) {
    const [, name, base64] = /^— (\S+) (\S+)$/u.exec(line) ?? []
    if (name === undefined || base64 === undefined) return null
    const bytes = canonicalBase64(base64)
    if (bytes === null || bytes.length <= KEY_ID_BYTES) return null
    if (name !== verifier.name || !bytes.subarray(0, KEY_ID_BYTES).equals(verifier.keyId)) continue
    const signature = bytes.subarray(KEY_ID_BYTES)
    if (signature.length !== SIGNATURE_BYTES) return null
    if (!verify(null, Buffer.from(text, 'utf8'), verifier.publicKey, signature)) return null
    isSigned = true
  }
  return isSigned ? text : null
}

/** Bytes of standard base64 in its one canonical spelling; null for any other spelling. */
export function canonicalBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

function verifierOf(name: string, raw: Buffer): NoteVerifier {
  if (!isName(name)) throw new RangeError(`a key's name must not be empty or hold white space or "+"`)
  const typed = Buffer.concat([Buffer.of(ED25519), raw])
  const keyId = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), typed]), 'buffer').subarray(0, KEY_ID_BYTES)
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' })
  return { name, keyId, publicKey, text: `${name}+${keyId.toString('hex')}+${typed.toString('base64')}` }
}

function isName(name: string): boolean {
  return /^[^\s+\p{Cc}]+$/u.test(name)
}
