// Where a client of the service may put its token: in exactly one `Authorization: Bearer` header, never in the URL.
import { TokenRefusal } from './token-refusal.ts'

/** Names under which tokens travel in URLs; such a token is in every log on the way. */
const urlNames: ReadonlySet<string> = new Set([
  'token',
  'access_token',
  'id_token',
  'jwt',
  'assertion',
  'client_assertion',
  'bearer',
  'authorization',
])
/** What every JSON header looks like in base64url, and a second part. */
const TOKEN_SHAPE = /eyJ[\w-]{5,}\.[\w-]{8,}/

/**
 * @param target the request target as sent. @param rawHeaders names and values in turn, as Node's `rawHeaders`.
 * @throws {TokenRefusal} token_in_url, ambiguous_credentials, token_missing.
 */
export function readBearer(target: string, rawHeaders: readonly string[]): string {
  if (hasTokenInUrl(target)) throw new TokenRefusal('token_in_url', 'a token in the URL is never accepted')
  const values = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization')
  const [only, ...others] = values
  if (only === undefined) throw new TokenRefusal('token_missing', 'the request has no Authorization header')
  if (others.length > 0 || only.includes(',')) throw new TokenRefusal('ambiguous_credentials', 'the request has more than one credential')
  const [, token] = /^Bearer ([^\s]+)$/i.exec(only) ?? []
  if (token === undefined) throw new TokenRefusal('token_missing', 'the Authorization header is not `Bearer TOKEN`')
  return token
}

function hasTokenInUrl(target: string): boolean {
  if (!URL.canParse(target, 'http://service.invalid')) return true
  const url = new URL(target, 'http://service.invalid')
  if (url.username !== '' || url.password !== '') return true
  for (const name of url.searchParams.keys()) if (urlNames.has(name.toLowerCase())) return true
  return TOKEN_SHAPE.test(decodeLoosely(target))
}

function decodeLoosely(target: string): string {
  try {
    return decodeURIComponent(target)
  } catch {
    return target
  }
}
