// Texts of the policy with places for what the verified token and the run say: `github:{claims.repository}`. Pure.
import { SallyportError } from './errors.ts'
import type { Identity, Run } from './identity.ts'

const PLACE = /\{([^{}]*)\}/g
const KNOWN =
  /^(?:claims\.[A-Za-z0-9_.:/-]{1,200}|identity\.(?:issuer|subject)|run\.(?:id|repository|workflowRunId|attempt|job|actor|event|sha))$/
const MAX_FILLED = 1_000

/** What is wrong with a template, in words, or null. */
export function templateProblem(text: string): string | null {
  for (const [all, name = ''] of text.matchAll(PLACE)) {
    if (!KNOWN.test(name)) return `${all} is not known: use {claims.NAME}, {identity.subject}, {identity.issuer} or {run.FIELD}`
  }
  if (/[{}]/.test(text.replaceAll(PLACE, ''))) return 'a brace is not closed'
  return /^[\u0020-\u007e]+$/.test(text) ? null : 'only printable ASCII goes into a header'
}

/**
 * The text with its places filled.
 * @throws {SallyportError} NOT_AUTHORISED when a place has no value, or one that could be taken for something else.
 */
export function fillTemplate(text: string, identity: Identity, run: Run): string {
  const filled = text.replaceAll(PLACE, (all, name: string) => {
    const value = valueOf(name, identity, run)
    if (value === null) throw refused(`${all} of "${text}" has no value in this token or run`)
    return value
  })
  if (!/^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/.test(filled) || filled.length > MAX_FILLED) {
    throw refused(`"${text}" is not a name once its places are filled`)
  }
  // Names of the system belong to the cluster: a claim must not be able to say one.
  if (filled.startsWith('system:') && !text.startsWith('system:')) throw refused(`"${text}" would be a name of the system`)
  return filled
}

function valueOf(name: string, identity: Identity, run: Run): string | null {
  const dot = name.indexOf('.')
  const field = name.slice(dot + 1)
  const source = name.startsWith('claims.') ? identity.claims : name.startsWith('identity.') ? identity : run
  const value: unknown = Object.getOwnPropertyDescriptor(source, field)?.value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value !== '' ? value : null
}

function refused(message: string): SallyportError {
  return new SallyportError('NOT_AUTHORISED', message, {
    why: 'the policy says who this workflow is on the target, and the token does not',
    fix: 'correct impersonate: of the connection',
  })
}
