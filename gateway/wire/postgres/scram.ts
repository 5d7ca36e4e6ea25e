// SCRAM-SHA-256, both sides (RFC 5802, RFC 7677), with tls-server-end-point channel binding (RFC 5929). Pure.
// PostgreSQL ignores the name inside SCRAM and sends it empty; so does this file.
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { WireError } from './wire-error.ts'

export const scramSha256 = 'SCRAM-SHA-256'
export const scramSha256Plus = 'SCRAM-SHA-256-PLUS'
const KEY_BYTES = 32
/** What a server may make its client work: far above PostgreSQL's 4096, far below a stall. */
const MAX_ITERATIONS = 1_000_000
const nonceCharacters = /^[\x21-\x2B\x2D-\x7E]+$/
const base64Characters = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** `n`: cannot bind. `y`: could, but the server offers none. Otherwise: bound to these bytes. */
export type ChannelBinding = 'n' | 'y' | Buffer

/** What a server keeps of a password. */
export interface ScramVerifier {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/** One login from the side that knows the password. */
export class ScramClient {
  readonly #binding: ChannelBinding
  readonly #nonce: string
  readonly #bare: string
  #serverSignature: Buffer | null = null

  constructor(binding: ChannelBinding, nonce: string, name = '') {
    this.#binding = binding
    this.#nonce = nonce
    this.#bare = `n=${name},r=${nonce}`
  }

  first(): string {
    return `${headerOf(this.#binding)}${this.#bare}`
  }

  /**
   * The answer to the server's challenge.
   * @throws {WireError} when the challenge does not continue this login.
   */
  final(challenge: string, password: Buffer): string {
    const [nonce, salt64, iterations64] = fieldsOf(challenge, ['r', 's', 'i'])
    if (nonce === undefined || !nonce.startsWith(this.#nonce) || nonce === this.#nonce || !nonceCharacters.test(nonce)) {
      throw new WireError('the server did not continue the client nonce')
    }
    const salt = base64(salt64 ?? '')
    const iterations = /^[1-9]\d{0,6}$/.test(iterations64 ?? '') ? Number(iterations64) : 0
    if (salt.length === 0 || iterations < 1 || iterations > MAX_ITERATIONS) throw new WireError('the server sent an impossible challenge')
    const salted = pbkdf2Sync(password, salt, iterations, KEY_BYTES, 'sha256')
    const withoutProof = `c=${bindingOf(this.#binding).toString('base64')},r=${nonce}`
    const auth = `${this.#bare},${challenge},${withoutProof}`
    const clientKey = hmac(salted, 'Client Key')
    const proof = xor(clientKey, hmac(sha256(clientKey), auth))
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), auth)
    return `${withoutProof},p=${proof.toString('base64')}`
  }

  /** @throws {WireError} when the server does not prove that it knows the password too. */
  verify(outcome: string): void {
    const [signature] = fieldsOf(outcome, ['v'])
    const given = base64(signature ?? '')
    if (this.#serverSignature === null || given.length !== KEY_BYTES || !timingSafeEqual(given, this.#serverSignature)) {
      throw new WireError('the server did not prove that it knows the password')
    }
  }
}

/** One login from the side that keeps a verifier. */
export class ScramServer {
  readonly #verifier: ScramVerifier
  readonly #serverNonce: string
  /** What the client must have bound to; null = this side cannot bind. */
  readonly #endPoint: Buffer | null
  #binding: Buffer | null = null
  #bare = ''
  #challenge = ''
  #nonce = ''

  constructor(verifier: ScramVerifier, serverNonce: string, endPoint: Buffer | null) {
    this.#verifier = verifier
    this.#serverNonce = serverNonce
    this.#endPoint = endPoint
  }

  /** The challenge for a client's first message. @throws {WireError} when it is not one, or binds where it may not. */
  challenge(first: string, mechanism: string): string {
    const match = /^(n|y|p=tls-server-end-point),(?:a=[^,]*)?,(n=([^,]*),r=([^,]+))(?:,.*)?$/.exec(first)
    const [, flag, bare, , nonce] = match ?? []
    if (flag === undefined || bare === undefined || nonce === undefined || !nonceCharacters.test(nonce)) {
      throw new WireError('malformed SCRAM message')
    }
    const isBound = flag.startsWith('p=')
    if (isBound !== (mechanism === scramSha256Plus)) throw new WireError('the SCRAM mechanism and its channel binding differ')
    // RFC 5802, 6: `y` from a client while the server did offer binding means that somebody between took the offer away.
    if (flag === 'y' && this.#endPoint !== null) throw new WireError('the client was not shown that channel binding is offered')
    if (isBound && this.#endPoint === null) throw new WireError('channel binding is not offered')
    this.#binding = Buffer.concat([
      Buffer.from(first.slice(0, first.length - tailOf(first, bare))),
      isBound && this.#endPoint !== null ? this.#endPoint : Buffer.alloc(0),
    ])
    this.#bare = first.slice(first.length - tailOf(first, bare))
    this.#nonce = `${nonce}${this.#serverNonce}`
    this.#challenge = `r=${this.#nonce},s=${this.#verifier.salt.toString('base64')},i=${this.#verifier.iterations}`
    return this.#challenge
  }

  /** The server's proof, or null when the client's is wrong. @throws {WireError} when the message is not the second of this login. */
  finish(final: string): string | null {
    const match = /^(c=([^,]*),r=([^,]*)(?:,[^p][^,]*)*),p=([^,]*)$/.exec(final)
    const [, withoutProof, binding, nonce, proof64] = match ?? []
    if (withoutProof === undefined || binding === undefined || nonce === undefined || proof64 === undefined || this.#binding === null) {
      throw new WireError('malformed SCRAM message')
    }
    if (nonce !== this.#nonce) throw new WireError('the client did not continue the nonce')
    if (!base64(binding).equals(this.#binding)) throw new WireError('SCRAM channel binding check failed')
    const proof = base64(proof64)
    if (proof.length !== KEY_BYTES) throw new WireError('malformed SCRAM proof')
    const auth = `${this.#bare},${this.#challenge},${withoutProof}`
    const clientKey = xor(proof, hmac(this.#verifier.storedKey, auth))
    if (!timingSafeEqual(sha256(clientKey), this.#verifier.storedKey)) return null
    return `v=${hmac(this.#verifier.serverKey, auth).toString('base64')}`
  }
}

/** @param salted PBKDF2-HMAC-SHA-256 of the password, 32 bytes. */
export function verifierOf(salted: Buffer, salt: Buffer, iterations: number): ScramVerifier {
  return { salt, iterations, storedKey: sha256(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') }
}

/**
 * The bytes SCRAM derives from for a password: SASLprep (RFC 4013) where it applies, else the bytes as they are, as PostgreSQL does.
 */
export function preparePassword(password: Buffer): Buffer {
  const text = password.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(password) || /^[\x20-\x7E]*$/.test(text)) return password
  const mapped = text
    .replaceAll(/[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/gu, ' ')
    .replaceAll(/\u00AD|\u034F|\u1806|[\u180B-\u180D]|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/gu, '')
    .normalize('NFKC')
  const isProhibited = /[\p{Cc}\p{Co}\p{Cn}\p{Cs}\u2028\u2029\uFFF9-\uFFFD]/u.test(mapped)
  return isProhibited || mapped === '' ? password : Buffer.from(mapped, 'utf8')
}

/** The gs2 header. */
function headerOf(binding: ChannelBinding): string {
  return typeof binding === 'string' ? `${binding},,` : 'p=tls-server-end-point,,'
}

function bindingOf(binding: ChannelBinding): Buffer {
  return Buffer.concat([Buffer.from(headerOf(binding)), typeof binding === 'string' ? Buffer.alloc(0) : binding])
}

/** How many characters from `bare` to the end: the part of the first message that is signed. */
function tailOf(first: string, bare: string): number {
  return first.length - first.indexOf(bare, first.indexOf(',', first.indexOf(',') + 1))
}

/** Values of the given fields, which must come first and in this order. */
function fieldsOf(text: string, names: readonly string[]): readonly string[] {
  const parts = text.split(',')
  return names.map((name, index) => {
    const part = parts[index] ?? ''
    if (!part.startsWith(`${name}=`)) throw new WireError('malformed SCRAM message')
    return part.slice(2)
  })
}

function base64(text: string): Buffer {
  if (!base64Characters.test(text)) throw new WireError('malformed base64 in a SCRAM message')
  return Buffer.from(text, 'base64')
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)))
}
