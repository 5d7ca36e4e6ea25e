// The header of an age v1 file: one X25519 stanza for each recipient, and a MAC over all of it. https://c2sp.org/age
import { createCipheriv, createDecipheriv, createHmac, diffieHellman, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { newPair, publicKeyOf } from './age-keys.ts'
import type { AgeIdentity, AgeKey } from './age-keys.ts'

const VERSION = 'age-encryption.org/v1'
const WRAP_INFO = `${VERSION}/X25519`
export const FILE_KEY_BYTES = 16
const TAG_BYTES = 16
const NO_NONCE = Buffer.alloc(12)

/** @param fileKey of this one file. */
export function writeHeader(fileKey: Buffer, recipients: readonly AgeKey[]): Buffer {
  const stanzas = recipients.map(recipient => {
    const { recipient: share, privateKey } = newPair()
    return `-> X25519 ${base64(share.raw)}\n${base64(wrap(fileKey, wrapKey(privateKey, recipient, share, recipient)))}\n`
  })
  const signed = `${VERSION}\n${stanzas.join('')}---`
  return Buffer.from(`${signed} ${base64(macOf(fileKey, signed))}\n`, 'latin1')
}

export interface OpenedHeader {
  readonly fileKey: Buffer
  /** Where the payload starts. */
  readonly bytes: number
}

/** null when it is not an age header, is not for one of the identities, or was changed. Stanzas of other kinds are passed over. */
export function openHeader(file: Buffer, identities: readonly AgeIdentity[]): OpenedHeader | null {
  const end = file.indexOf('\n---')
  const stop = end < 0 ? -1 : file.indexOf('\n', end + 1)
  if (stop < 0) return null
  const signed = file.toString('latin1', 0, end + 4)
  const [, mac] = /^--- ([A-Za-z0-9+/]{43})$/.exec(file.toString('latin1', end + 1, stop)) ?? []
  const stated = mac === undefined ? null : bytesOf(mac)
  if (!signed.startsWith(`${VERSION}\n`) || stated === null) return null
  for (const [, share = '', body = ''] of signed.matchAll(/^-> X25519 ([A-Za-z0-9+/]{43})\n([A-Za-z0-9+/]{43})$/gm)) {
    for (const identity of identities) {
      const fileKey = unwrap(share, body, identity)
      if (fileKey === null) continue
      return timingSafeEqual(macOf(fileKey, signed), stated) ? { fileKey, bytes: stop + 1 } : null
    }
  }
  return null
}

function unwrap(share: string, body: string, { recipient, privateKey }: AgeIdentity): Buffer | null {
  const sender = bytesOf(share)
  const sealed = bytesOf(body)
  if (sender === null || sealed?.length !== FILE_KEY_BYTES + TAG_BYTES) return null
  try {
    const opener = createDecipheriv(
      'chacha20-poly1305',
      wrapKey(privateKey, publicKeyOf(sender), publicKeyOf(sender), recipient),
      NO_NONCE,
      { authTagLength: TAG_BYTES },
    )
    opener.setAuthTag(sealed.subarray(FILE_KEY_BYTES))
    return Buffer.concat([opener.update(sealed.subarray(0, FILE_KEY_BYTES)), opener.final()])
  } catch {
    return null
  }
}

function wrap(fileKey: Buffer, key: Buffer): Buffer {
  const sealer = createCipheriv('chacha20-poly1305', key, NO_NONCE, { authTagLength: TAG_BYTES })
  return Buffer.concat([sealer.update(fileKey), sealer.final(), sealer.getAuthTag()])
}

function wrapKey(mine: KeyObject, theirs: AgeKey, share: AgeKey, recipient: AgeKey): Buffer {
  const shared = diffieHellman({ privateKey: mine, publicKey: theirs.key })
  if (shared.every(byte => byte === 0)) throw new RangeError('the other key is of low order')
  return Buffer.from(hkdfSync('sha256', shared, Buffer.concat([share.raw, recipient.raw]), WRAP_INFO, 32))
}

function macOf(fileKey: Buffer, signed: string): Buffer {
  const key = Buffer.from(hkdfSync('sha256', fileKey, Buffer.alloc(0), 'header', 32))
  return createHmac('sha256', key).update(signed, 'latin1').digest()
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

/** Unpadded base64 in its one canonical spelling. */
function bytesOf(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return base64(bytes) === text ? bytes : null
}
