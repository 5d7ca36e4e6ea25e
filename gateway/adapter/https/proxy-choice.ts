// Which proxy a URL goes through, by the variables that curl and the runner honour. Pure.
import { HttpFailure } from '../../core/http.ts'

/** @returns the proxy, or null for a direct connection. A proxy that cannot be read is an error, never a direct connection. */
export function proxyFor(url: URL, environment: Readonly<Record<string, string>>): URL | null {
  const text = look(environment, url.protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? look(environment, 'all_proxy')
  if (text === null || isExempt(url, look(environment, 'no_proxy') ?? '')) return null
  const address = text.includes('://') ? text : `http://${text}`
  const proxy = URL.canParse(address) ? new URL(address) : null
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy
  throw new HttpFailure('not_allowed', 'the proxy of the environment is not an http or https URL')
}

/** Lower case wins, as in curl. */
function look(environment: Readonly<Record<string, string>>, name: string): string | null {
  const found = environment[name] ?? environment[name.toUpperCase()] ?? ''
  return found === '' ? null : found
}

function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, '')
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  return list
    .split(/[\s,]+/)
    .filter(entry => entry !== '')
    .some(entry => {
      if (entry === '*') return true
      const [, name = '', only = ''] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
      if (only !== '' && only !== port) return false
      return name !== '' && (host === name || host.endsWith(`.${name}`))
    })
}
