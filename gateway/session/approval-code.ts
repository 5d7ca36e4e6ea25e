// The code that selects a request, and the digest that binds it to what will run.
// A code is 40 bits of a hash over a 128-bit nonce: it cannot be guessed, nor ground to match another command.
import { createHash, createHmac } from 'node:crypto'
import type { ApprovalRequest } from '../core/approval.ts'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** `XXXX-XXXX` in Crockford base32: the first 40 bits of SHA-256(canonical request || nonce). @param nonce 16 random bytes. */
export function codeOf(canonical: Buffer, nonce: Buffer): string {
  const hash = createHash('sha256').update(canonical).update(nonce).digest()
  let bits = 0n
  for (const byte of hash.subarray(0, 5)) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let shift = 35; shift >= 0; shift -= 5) text += ALPHABET.charAt(Number((bits >> BigInt(shift)) & 31n))
  return `${text.slice(0, 4)}-${text.slice(4)}`
}

/** The code as written by a person, in its one form; null when it is none. Case does not count, I and L are 1, O is 0. */
export function readCode(text: string): string | null {
  if (!/^[0-9A-TV-Za-tv-z]{4}-[0-9A-TV-Za-tv-z]{4}$/.test(text)) return null
  return text.toUpperCase().replaceAll(/[IL]/g, '1').replaceAll('O', '0')
}

/**
 * `hmac-sha256:…` over the exact bytes and everything they mean depends on. Keyed with a secret of this run, because
 * a bare hash of a short command gives the command, and any password in it, away.
 */
export function digestOf(canonical: Buffer, key: Buffer): string {
  return `hmac-sha256:${createHmac('sha256', key).update(canonical).digest('hex')}`
}

/** The request as bytes: every part with its length in front, so that no two requests have the same. */
export function canonicalRequest(run: string, request: ApprovalRequest): Buffer {
  const { connection, approvers } = request
  const fields: readonly (string | Buffer)[] = [
    'sallyport request v1',
    run,
    request.session,
    String(request.number),
    connection.name,
    connection.protocol,
    connection.host,
    String(connection.port),
    connection.user ?? '',
    connection.database ?? '',
    request.rule,
    approvers.name,
    String(approvers.count),
    ...approvers.users,
    '',
    ...approvers.teams,
    '',
    request.bytes,
  ]
  return Buffer.concat(
    fields.flatMap(field => {
      const bytes = typeof field === 'string' ? Buffer.from(field, 'utf8') : field
      const length = Buffer.alloc(8)
      length.writeBigUInt64BE(BigInt(bytes.length))
      return [length, bytes]
    }),
  )
}
