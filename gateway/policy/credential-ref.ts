// `scheme[+source]://path[?param=…][#field]` of a policy, taken apart. A text that is not a reference may be a password
// that somebody pasted here, so no message ever quotes it.
import type { CredentialRef } from '../core/connection.ts'
import { didYouMean } from './closest.ts'

const schemes = ['vault', 'aws-sm', 'aws-ssm', 'aws-rds', 'aws-eks', 'gcp-sm', 'azure-kv', 'conjur', 'k8s', 'env', 'file', 'exec']
/** They need no address and no login. */
const withoutSource = new Set(['env', 'file', 'exec'])
const LIST = schemes.map(scheme => `${scheme}://`).join(' ')

export type ParsedCredential = { readonly ref: CredentialRef } | { readonly problem: string }

/** Takes a reference apart, or says what is wrong with it without repeating it. */
export function parseCredentialRef(text: string): ParsedCredential {
  const split = /^([A-Za-z][A-Za-z0-9-]*)(?:\+([A-Za-z0-9][A-Za-z0-9._-]{0,62}))?:\/\/(.*)$/s.exec(text)
  if (split === null)
    return {
      problem: `this is not a reference to a credential (scheme://path): use one of ${LIST}; a credential itself never stands in a policy`,
    }
  const [, scheme = '', source, rest = ''] = split
  if (scheme === 'ref') return { problem: 'write the reference without "ref+"' }
  if (!schemes.includes(scheme))
    return { problem: `unknown scheme of a credential reference${didYouMean(scheme, schemes)}; use one of ${LIST}` }
  if (source !== undefined && withoutSource.has(scheme))
    return { problem: `${scheme}:// has no named sources: leave out the "+" and what follows it` }
  if (/[\s\p{Cc}]/u.test(rest)) return { problem: 'a reference to a credential has no blanks' }
  const [beforeField, ...fields] = rest.split('#')
  const [path = '', ...queries] = (beforeField ?? '').split('?')
  if (path === '' || path === '/') return { problem: `the path after ${scheme}:// is empty` }
  if (fields.length > 1 || fields[0] === '') return { problem: 'the field after # is empty or given twice' }
  if (queries.length > 1) return { problem: 'a second ? in a reference' }
  const params = parseParams(queries[0])
  if (params === null) return { problem: 'every parameter after ? is name=value, once, and has a value' }
  const problem = pathProblem(scheme, path, fields[0] ?? null)
  if (problem !== null) return { problem }
  return { ref: { scheme, source: source ?? scheme, path, params, field: fields[0] ?? null, text } }
}

function parseParams(query: string | undefined): Readonly<Record<string, string>> | null {
  const params = new Map<string, string>()
  if (query === undefined) return {}
  for (const pair of query.split('&')) {
    const split = /^([A-Za-z][A-Za-z0-9_-]*)=(.+)$/.exec(pair)
    const value = decode(split?.[2] ?? '')
    if (split?.[1] === undefined || value === '' || params.has(split[1])) return null
    params.set(split[1], value)
  }
  return Object.fromEntries(params)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/** What a scheme asks of its path and field. */
function pathProblem(scheme: string, path: string, field: string | null): string | null {
  switch (scheme) {
    case 'env':
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(path) ? null : 'env:// is followed by the name of a variable: env://ORDERS_PASSWORD'
    case 'file':
      return path.startsWith('/') ? null : 'file:// is followed by an absolute path: file:///run/secrets/orders'
    case 'vault':
      if (path.startsWith('/') || path.split('/').includes('..')) return 'vault:// is followed by mount/path, without a leading "/"'
      return isKeyValue(path) && field === null ? 'a secret of the KV engine needs a field: vault://kv/data/app#password' : null
    case 'exec':
      return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(path)
        ? null
        : 'exec:// is followed by the name of an entry of sources: exec://orders-password'
    case 'k8s':
      return field === null ? 'k8s:// needs a field: k8s://namespace/secret#key' : null
    default:
      return null
  }
}

/** KV version 2 reads below MOUNT/data/. */
function isKeyValue(path: string): boolean {
  return path.split('/')[1] === 'data'
}
