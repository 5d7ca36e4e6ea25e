// Files of age v1: a header, a nonce, and chunks of 64 KiB, each sealed with chacha20-poly1305 (STREAM). https://c2sp.org/age
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { FILE_KEY_BYTES, openHeader, writeHeader } from './age-header.ts'
import type { AgeIdentity, AgeKey } from './age-keys.ts'

const CHUNK_BYTES = 64 * 1024
const TAG_BYTES = 16
const NONCE_BYTES = 16

/** To whom a file is sealed. May serve more than one content of it: each has a nonce of its own, so no key is used twice. */
export interface AgeEnvelope {
  readonly fileKey: Buffer
  readonly header: Buffer
}

export function addressTo(recipients: readonly AgeKey[]): AgeEnvelope {
  const fileKey = randomBytes(FILE_KEY_BYTES)
  return { fileKey, header: writeHeader(fileKey, recipients) }
}

/** Encrypts a file as it is written: what `push` and `end` return, put together, is the file. Holds at most one chunk. */
export class AgeWriter {
  readonly #key: Buffer
  readonly #head: Buffer
  #held: Buffer[] = []
  #heldBytes = 0
  #chunks = 0
  #isHeadOut = false

  constructor({ fileKey, header }: AgeEnvelope) {
    const nonce = randomBytes(NONCE_BYTES)
    this.#key = payloadKey(fileKey, nonce)
    this.#head = Buffer.concat([header, nonce])
  }

  /** The content of the whole file for whoever writes it; null when it is not as it was written. */
  reopen(file: Buffer): Buffer | null {
    const { content, isWhole } = openChunks(file, this.#head.length, this.#key)
    return isWhole ? content : null
  }

  push(bytes: Buffer): Buffer {
    const out: Buffer[] = this.#isHeadOut ? [] : [this.#head]
    this.#isHeadOut = true
    if (bytes.length > 0) this.#held.push(bytes)
    this.#heldBytes += bytes.length
    // The last chunk is sealed as such, so a whole one waits until more has come.
    if (this.#heldBytes > CHUNK_BYTES) {
      let rest = Buffer.concat(this.#held)
      for (; rest.length > CHUNK_BYTES; rest = rest.subarray(CHUNK_BYTES)) out.push(this.#seal(rest.subarray(0, CHUNK_BYTES), false))
      this.#held = [Buffer.from(rest)]
      this.#heldBytes = rest.length
    }
    return Buffer.concat(out)
  }

  /** What no chunk holds yet, and how many bytes come before it. */
  get held(): { readonly offset: number; readonly bytes: Buffer } {
    return { offset: this.#chunks * CHUNK_BYTES, bytes: Buffer.concat(this.#held) }
  }

  end(): Buffer {
    const head = this.#isHeadOut ? [] : [this.#head]
    this.#isHeadOut = true
    const last = Buffer.concat(this.#held)
    this.#held = []
    return Buffer.concat([...head, this.#seal(last, true)])
  }

  #seal(chunk: Buffer, isLast: boolean): Buffer {
    const sealer = createCipheriv('chacha20-poly1305', this.#key, nonceOf(this.#chunks, isLast), { authTagLength: TAG_BYTES })
    this.#chunks += 1
    return Buffer.concat([sealer.update(chunk), sealer.final(), sealer.getAuthTag()])
  }
}

/** A whole file. */
export function encryptAge(bytes: Buffer, recipients: readonly AgeKey[]): Buffer {
  return sealInto(addressTo(recipients), bytes)
}

export function sealInto(envelope: AgeEnvelope, bytes: Buffer): Buffer {
  const writer = new AgeWriter(envelope)
  return Buffer.concat([writer.push(bytes), writer.end()])
}

/** The content; null when the file is not for these identities, or a byte of it was changed, added or cut off. */
export function decryptAge(file: Buffer, identities: readonly AgeIdentity[]): Buffer | null {
  const opened = decryptAgeSoFar(file, identities)
  return opened?.isWhole === true ? opened.content : null
}

/** The same for a file whose writer died: its whole chunks up to the first that does not open. null = not even a header for these identities. */
export function decryptAgeSoFar(
  file: Buffer,
  identities: readonly AgeIdentity[],
): { readonly content: Buffer; readonly isWhole: boolean } | null {
  const header = openHeader(file, identities)
  if (header === null || file.length < header.bytes + NONCE_BYTES) return null
  const start = header.bytes + NONCE_BYTES
  return openChunks(file, start, payloadKey(header.fileKey, file.subarray(header.bytes, start)))
}

function openChunks(file: Buffer, start: number, key: Buffer): { readonly content: Buffer; readonly isWhole: boolean } {
  const out: Buffer[] = []
  for (let at = start, chunk = 0; at < file.length; at += CHUNK_BYTES + TAG_BYTES, chunk += 1) {
    const sealed = file.subarray(at, at + CHUNK_BYTES + TAG_BYTES)
    const isEnd = at + sealed.length === file.length
    const last = isEnd ? openChunk(sealed, key, nonceOf(chunk, true)) : null
    const opened = last ?? openChunk(sealed, key, nonceOf(chunk, false))
    // Only an empty file ends in an empty chunk.
    if (opened === null || (opened.length === 0 && chunk > 0)) break
    out.push(opened)
    if (last !== null) return { content: Buffer.concat(out), isWhole: true }
  }
  return { content: Buffer.concat(out), isWhole: false }
}

function openChunk(sealed: Buffer, key: Buffer, nonce: Buffer): Buffer | null {
  if (sealed.length < TAG_BYTES) return null
  try {
    const opener = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
    opener.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
    return Buffer.concat([opener.update(sealed.subarray(0, sealed.length - TAG_BYTES)), opener.final()])
  } catch {
    return null
  }
}

function payloadKey(fileKey: Buffer, nonce: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

/** Eleven bytes of counter, one that says whether it is the last. */
function nonceOf(chunk: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(chunk, 5, 6)
  nonce[11] = isLast ? 1 : 0
  return nonce
}
