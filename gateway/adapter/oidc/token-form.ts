// The outside of a token: size, three canonical base64url parts, a header and claims that every reader reads alike.
// Nothing in here is trusted yet; the claims are read only to find out whose token it claims to be.
import { createHash } from 'node:crypto'
import { readObject, readStrictJson } from './strict-json.ts'
import { TokenRefusal } from './token-refusal.ts'

export const MAX_TOKEN_BYTES = 16_384
const MAX_HEADER_DEPTH = 3
const MAX_CLAIMS_DEPTH = 8

export interface UnverifiedToken {
  readonly alg: string
  readonly kid: string
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signature: Buffer
  /** The token as it came: the only spelling it can have. */
  readonly compact: string
  /** SHA-256 of the token, hex. */
  readonly digest: string
}

/** @throws {TokenRefusal} token_too_large, malformed_token, malformed_header, alg_not_allowed, kid_missing. */
export function readToken(compact: string, algorithms: ReadonlySet<string>, maxBytes: number): UnverifiedToken {
  if (compact.length > maxBytes || Buffer.byteLength(compact) > maxBytes) {
    throw new TokenRefusal('token_too_large', `it is longer than ${String(maxBytes)} bytes`)
  }
  const [first, second, third, ...rest] = compact.split('.')
  if (first === undefined || second === undefined || third === undefined || rest.length > 0) {
    throw new TokenRefusal('malformed_token', 'it does not have three parts')
  }
  const headerBytes = readBase64url(first, 'header')
  const claimBytes = readBase64url(second, 'payload')
  const signature = readBase64url(third, 'signature')
  const header = readHeader(headerBytes, algorithms)
  const claims = readStrictJson(claimBytes, MAX_CLAIMS_DEPTH)
  const members = readObject(claims?.value)
  if (claims === null || members === null) throw new TokenRefusal('malformed_token', 'its payload is not a JSON object in UTF-8')
  if (claims.flaw !== null) throw new TokenRefusal('malformed_token', `its payload is ambiguous: ${claims.flaw}`)
  return { ...header, claims: members, signature, compact, digest: createHash('sha256').update(compact).digest('hex') }
}

function readHeader(bytes: Buffer, algorithms: ReadonlySet<string>): Pick<UnverifiedToken, 'alg' | 'kid' | 'header'> {
  const found = readStrictJson(bytes, MAX_HEADER_DEPTH)
  const header = readObject(found?.value)
  if (found === null || header === null) throw new TokenRefusal('malformed_header', 'its header is not a JSON object in UTF-8')
  const { alg, kid } = header
  // First, so that a header with two algorithms is refused for the one that an ordinary reader would take.
  if (typeof alg !== 'string' || !algorithms.has(alg))
    throw new TokenRefusal('alg_not_allowed', 'its signature algorithm is not one of the issuer’s')
  if (found.flaw !== null) throw new TokenRefusal('malformed_header', `its header is ambiguous: ${found.flaw}`)
  if (kid === undefined) throw new TokenRefusal('kid_missing', 'it does not say which key signed it')
  if (typeof kid !== 'string' || kid === '') throw new TokenRefusal('malformed_header', 'its key id is not a text')
  return { alg, kid, header }
}

/** Only the one canonical spelling: no padding, no white space, unused bits zero. Else one token has many spellings. */
function readBase64url(text: string, part: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') !== text) throw new TokenRefusal('malformed_token', `its ${part} is not canonical base64url`)
  return bytes
}

/** Header members that change nothing. Anything else could make another reader see another token, or fetch a key elsewhere. */
const harmlessHeaders: ReadonlySet<string> = new Set(['alg', 'kid', 'typ', 'x5t', 'x5t#S256'])

/** Looked at after the signature, so that a forged header is called forged. @throws {TokenRefusal} header_not_allowed. */
export function checkHeader(header: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(header)) {
    if (!harmlessHeaders.has(name)) throw new TokenRefusal('header_not_allowed', 'its header holds a member that is not allowed')
  }
  const { typ } = header
  if (typ !== undefined && (typeof typ !== 'string' || typ.toUpperCase() !== 'JWT')) {
    throw new TokenRefusal('header_not_allowed', 'its type is not JWT')
  }
}
