// From the words of `kubectl auth can-i` to the request that would be sent: `delete deployments.apps web -n shop`.
import { SallyportError } from '../gateway/core/errors.ts'

const methods: ReadonlyMap<string, string> = new Map([
  ['get', 'GET'],
  ['list', 'GET'],
  ['watch', 'GET'],
  ['create', 'POST'],
  ['update', 'PUT'],
  ['patch', 'PATCH'],
  ['delete', 'DELETE'],
  ['deletecollection', 'DELETE'],
])
/** Verbs that need no name, or must not have one. */
const nameless = new Set(['list', 'create', 'deletecollection'])

/**
 * `VERB RESOURCE[.GROUP][/SUBRESOURCE] [NAME] [-n NAMESPACE] [--dry-run] [-- ARGV…]`. The API's version is taken as v1: no rule sees it.
 * @throws {SallyportError} USAGE when the words are not of this form.
 */
export function requestLine(text: string): { readonly method: string; readonly target: string } {
  const words = text.split(/\s+/).filter(word => word !== '')
  const end = words.indexOf('--')
  const argv = end === -1 ? [] : words.slice(end + 1)
  const { named, namespace, isDryRun } = readWords(end === -1 ? words : words.slice(0, end), text)
  const [verb = '', kind = '', name = '', ...more] = named
  const method = methods.get(verb)
  if (method === undefined || kind === '' || more.length > 0) throw unreadable(text)
  const [plain = '', subresource = ''] = kind.split('/')
  const needsName = subresource !== '' || !nameless.has(verb)
  if (needsName !== (name !== '') && verb !== 'watch') throw unreadable(text)
  const [resource = '', ...group] = plain.split('.')
  const place = [
    group.length === 0 ? '/api/v1' : `/apis/${group.join('.')}/v1`,
    ...(namespace === '' ? [] : ['namespaces', namespace]),
    resource,
    ...(name === '' ? [] : [name]),
    ...(subresource === '' ? [] : [subresource]),
  ]
  const query = [
    ...(verb === 'watch' ? ['watch=true'] : []),
    ...(isDryRun ? ['dryRun=All'] : []),
    ...argv.map(word => `command=${encodeURIComponent(word)}`),
  ]
  return { method, target: `${place.join('/')}${query.length === 0 ? '' : `?${query.join('&')}`}` }
}

function readWords(words: readonly string[], text: string): { named: readonly string[]; namespace: string; isDryRun: boolean } {
  const named: string[] = []
  let namespace = ''
  let isDryRun = false
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (word === '-n' || word === '--namespace') {
      at += 1
      namespace = words[at] ?? ''
      if (namespace === '') throw unreadable(text)
    } else if (word === '--dry-run') isDryRun = true
    else if (word.startsWith('-')) throw unreadable(text)
    else named.push(word)
  }
  return { named, namespace, isDryRun }
}

function unreadable(text: string): SallyportError {
  return new SallyportError('USAGE', `"${text}" is no request that can be read here`, {
    why: 'it is neither METHOD /path nor VERB RESOURCE [NAME] [-n NAMESPACE]',
    fix: "write 'GET /api/v1/namespaces/shop/pods', or the words of kubectl auth can-i: 'delete deployments.apps web -n shop', 'create pods/exec web-0 -n shop -- sh'",
  })
}
