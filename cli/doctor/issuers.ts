// Checks of the issuers: discovery document and keys can be read (E20), and their clock agrees with ours (E17).
import type { PolicyFile } from '../../gateway/policy/policy-file.ts'
import type { Finding } from './finding.ts'

const WITHIN_MS = 5_000
const MAX_SKEW_MS = 30_000

export async function checkIssuers(policy: PolicyFile): Promise<readonly Finding[]> {
  const all = await Promise.all([...policy.issuers.values()].map(({ name, url }) => checkIssuer(name, url)))
  return all.flat()
}

async function checkIssuer(name: string, url: string): Promise<readonly Finding[]> {
  const what = `issuer ${name}`
  const bad = (words: string): Finding => ({
    id: 'E20',
    what,
    state: 'bad',
    words,
    fix: `check url: of issuers.${name}; it must answer over https without a redirect`,
  })
  try {
    const discovery = await fetch(`${url}/.well-known/openid-configuration`, { redirect: 'error', signal: AbortSignal.timeout(WITHIN_MS) })
    const document: unknown = await discovery.json()
    if (!isDiscovery(document)) return [bad('its discovery document has no issuer and jwks_uri')]
    if (document.issuer !== url) return [bad('its discovery document names another issuer')]
    const keys = await fetch(document.jwks_uri, { redirect: 'error', signal: AbortSignal.timeout(WITHIN_MS) })
    if (!keys.ok) return [bad(`its keys answer with status ${keys.status}`)]
    return [{ id: 'E20', what, state: 'fine', words: 'its keys can be read', fix: null }, clock(what, keys.headers.get('date'))]
  } catch {
    return [bad('it cannot be reached')]
  }
}

function clock(what: string, date: string | null): Finding {
  const at = date === null ? Number.NaN : Date.parse(date)
  const skewMs = Math.abs(Date.now() - at)
  if (Number.isNaN(at)) return { id: 'E17', what, state: 'unknown', words: 'it does not tell its time', fix: null }
  if (skewMs < MAX_SKEW_MS) return { id: 'E17', what, state: 'fine', words: 'its clock and this one agree', fix: null }
  return { id: 'E17', what, state: 'bad', words: `its clock differs by ${Math.round(skewMs / 1000)} s`, fix: 'run NTP on this machine' }
}

function isDiscovery(value: unknown): value is { readonly issuer: string; readonly jwks_uri: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'issuer' in value &&
    typeof value.issuer === 'string' &&
    'jwks_uri' in value &&
    typeof value.jwks_uri === 'string'
  )
}
