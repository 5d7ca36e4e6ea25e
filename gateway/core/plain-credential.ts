// Credentials that are just text or JSON from somewhere (a variable, a file, a program, a key-value store): one way to read them all.
import type { CredentialRef } from './connection.ts'
import type { Lease } from './credential.ts'
import { SallyportError } from './errors.ts'
import { Secret } from './secret.ts'

/** Larger ones are no credentials. */
export const MAX_CREDENTIAL_BYTES = 65_536

/** The usual refusal of a source: names the reference, never what was found there. */
export function credentialUnavailable(ref: CredentialRef, what: string, cause?: unknown): SallyportError {
  return new SallyportError('CREDENTIAL_UNAVAILABLE', `${ref.text}: ${what}`, {
    why: 'a missing variable, file, field or secret, or the source is down',
    fix: 'correct the reference or the source; nothing is used in its place',
    ...(cause === undefined ? {} : { cause }),
  })
}

/**
 * Makes a lease of text, or of one field of a JSON document when the reference names one. One line end after a text is no part of it.
 * @throws {SallyportError} CREDENTIAL_UNAVAILABLE for an empty value, a missing field, or one that is not a text.
 */
export function readPlainCredential(bytes: Buffer, ref: CredentialRef): Lease {
  if (bytes.length > MAX_CREDENTIAL_BYTES) throw credentialUnavailable(ref, `more than ${String(MAX_CREDENTIAL_BYTES)} bytes`)
  return leaseOfText(ref.field === null ? withoutLineEnd(bytes) : selectField(parse(bytes, ref), ref), ref)
}

/** One field of a document that is parsed already. @throws {SallyportError} CREDENTIAL_UNAVAILABLE. */
export function readDocumentCredential(document: unknown, ref: CredentialRef): Lease {
  return leaseOfText(selectField(document, ref), ref)
}

/** Sources take no parameters that they do not know: a typing error must not be a different credential. */
export function checkParams(ref: CredentialRef, known: readonly string[]): void {
  const unknown = Object.keys(ref.params).find(name => !known.includes(name))
  if (unknown !== undefined) throw credentialUnavailable(ref, `the parameter ${unknown} is not known here`)
}

function leaseOfText(text: string | Buffer, ref: CredentialRef): Lease {
  const value = typeof text === 'string' ? Buffer.from(text, 'utf8') : text
  if (value.length === 0) throw credentialUnavailable(ref, 'the value is empty')
  const isKey = /^\s*-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(value.subarray(0, 200).toString('latin1'))
  return {
    username: null,
    kind: isKey ? 'ssh-key' : 'password',
    secret: new Secret(value),
    certificate: null,
    expiresAt: null,
    receipt: ref.text,
  }
}

/** A private key keeps its last line end, which its format asks for. */
function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.includes('PRIVATE KEY-----')) return bytes
  const end = bytes.at(-1) === 0x0a ? bytes.length - (bytes.at(-2) === 0x0d ? 2 : 1) : bytes.length
  return bytes.subarray(0, end)
}

function parse(bytes: Buffer, ref: CredentialRef): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // Without the cause: the words of a JSON error quote the text.
    throw credentialUnavailable(ref, 'a field was asked for, but the value is not JSON')
  }
}

/** A name of the top level, or a JSON pointer (RFC 6901) when it starts with `/`. */
function selectField(document: unknown, ref: CredentialRef): string {
  const field = ref.field ?? ''
  const steps = field.startsWith('/')
    ? field
        .slice(1)
        .split('/')
        .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [field]
  let at: unknown = document
  for (const step of steps) {
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, step) ? Object.getOwnPropertyDescriptor(at, step)?.value : undefined
  }
  if (at === undefined) throw credentialUnavailable(ref, `there is no field ${field}`)
  if (typeof at !== 'string') throw credentialUnavailable(ref, `the field ${field} is not a text`)
  return at
}
