// The words of an API server that refuses a request. It quotes: a patch that does not fit comes back with the whole stored object in the
// message, a bad value with what stands around it, a field that may not change with all that it holds. Words that can quote what is hidden
// are not shown; which field and which reason stay.
import type { Findings } from './findings.ts'
import { isFields } from './helm-release.ts'

type Fields = Record<string, unknown>

export interface HiddenPlace {
  readonly rule: string
  readonly path: readonly string[]
}

export const UNSHOWN = '(not shown: the words of the server may quote what is hidden)'

/** Of the server itself: these name objects, people, versions and limits, and nothing that an object holds. */
const plainReasons = new Set([
  'NotFound',
  'AlreadyExists',
  'Unauthorized',
  'MethodNotAllowed',
  'Expired',
  'Gone',
  'Conflict',
  'TooManyRequests',
  'Timeout',
  'ServerTimeout',
  'ServiceUnavailable',
  'UnsupportedMediaType',
  'NotAcceptable',
  'RequestEntityTooLarge',
])
/** Of other reasons those that are known to quote nothing. */
const plainWords = [
  /^[\w.-]+(?: "[^"]*")? is forbidden: (?:User "[^"]*" cannot |exceeded quota: |unable to create new content in namespace )/,
  /^the (?:name|namespace) of the (?:provided )?object (?:\([^()]*\) )?does not match /,
  /^(?:name or generateName is required|resource name may not be empty|resourceVersion should not be set on objects to be created)$/,
  /^Internal error occurred: failed calling webhook "[^"]*": [^{}]*$/,
  /^the object provided is unrecognized/,
]
/** Who denied it, of a webhook; its reason is anybody's text. */
const WEBHOOK = /^(?:.{0,300}? is forbidden: )?admission webhook "[^"]{1,253}" denied the request/
/** Values of the whole object, or of what the client sent. */
const wholeObject = new Set(['', 'patch', '<nil>', 'metadata'])

/**
 * Covers a `Status` in place.
 * @param hidden places of the resource whose values are hidden. @param isWrite a read has nothing to quote but its own question.
 */
export function coverFailure(status: Fields, hidden: readonly HiddenPlace[], isWrite: boolean, resource: string, findings: Findings): void {
  const [first] = hidden
  if (first === undefined) return
  const hide = (place: Fields, name: string, words: string): void => {
    place[name] = words
    findings.count(first.rule, `${resource}:failure`)
  }
  const message = textOf(status['message'])
  const details = isFields(status['details']) ? status['details'] : {}
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isFields) : []
  const webhook = WEBHOOK.exec(message)
  if (webhook !== null) {
    hide(status, 'message', `${webhook[0]}: ${UNSHOWN}`)
    for (const cause of causes) hide(cause, 'message', UNSHOWN)
    return
  }
  if (status['reason'] === 'Invalid' && causes.length > 0) {
    const quoting = causes.filter(cause => quotes(textOf(cause['field']), hidden))
    if (quoting.length === 0) return
    for (const cause of quoting) hide(cause, 'message', UNSHOWN)
    const kind = [textOf(details['kind']), textOf(details['group'])].filter(part => part !== '').join('.')
    const all = causes.map(cause => `${textOf(cause['field'])}: ${textOf(cause['message'])}`)
    status['message'] = `${kind} "${textOf(details['name'])}" is invalid: ${all.length === 1 ? all[0] : `[${all.join(', ')}]`}`
    return
  }
  if (isPlain(textOf(status['reason']), message, causes, isWrite)) return
  hide(status, 'message', `the server refused it (${textOf(status['reason']) || 'for no reason that it names'}): ${UNSHOWN}`)
  for (const cause of causes) hide(cause, 'message', UNSHOWN)
}

/** All that a `Status` says in words. */
export function failureWords(status: Fields): string {
  const details = isFields(status['details']) ? status['details'] : {}
  const causes = Array.isArray(details['causes']) ? details['causes'].filter(isFields) : []
  return [status, ...causes].map(place => textOf(place['message'])).join('\n')
}

function isPlain(reason: string, message: string, causes: readonly Fields[], isWrite: boolean): boolean {
  if (plainWords.some(known => known.test(message))) return true
  if (!isWrite && reason === 'BadRequest') return true
  // An element of a set is named by its value.
  return plainReasons.has(reason) && !/\[=/.test(message) && causes.every(cause => !/\[=/.test(textOf(cause['field'])))
}

/** True when what stands at the field, or in it, is hidden. @param field `spec.template`, `data[.dockerconfigjson]`. */
function quotes(field: string, hidden: readonly HiddenPlace[]): boolean {
  if (wholeObject.has(field)) return true
  const steps = field.match(/\[[^\]]*\]|[^.[\]]+/g) ?? []
  const names = steps.map(step => (step.startsWith('[') ? step.slice(1, -1) : step))
  // Annotations hold copies of the object.
  return names.includes('annotations') || hidden.some(({ path }) => meet(names, path))
}

/** True when one leads to the other, or into it. */
function meet(names: readonly string[], path: readonly string[]): boolean {
  let at = 0
  for (const key of path) {
    // The index of a list that the path passes over.
    if (key !== '*' && key !== names[at] && /^(?:\d+|-)$/.test(names[at] ?? '')) at += 1
    const name = names[at]
    if (name === undefined) return true
    if (key !== '*' && key !== name && !/^\d+$/.test(key)) return false
    at += 1
  }
  return true
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
