// The last word on a run: an in-toto Statement v1 about the files of its recording, in a DSSE envelope.
import type { RunCounts, RunOpen } from '../core/events.ts'
import { openEnvelope, sealEnvelope } from './dsse.ts'
import type { NoteSigner, NoteVerifier } from './signed-note.ts'
import { readMembers } from './stored-event.ts'
import type { Members } from './stored-event.ts'

const PAYLOAD_TYPE = 'application/vnd.in-toto+json'
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
export const PREDICATE_TYPE = 'https://sallyport.dev/recording/v1'

export interface Subject {
  readonly name: string
  readonly digest: { readonly sha256: string }
}

export interface RecordingPredicate {
  readonly origin: string
  readonly key: string
  readonly lines: number
  /** RFC 6962 root, base64. */
  readonly root: string
  readonly closed: { readonly at: string; readonly reason: string }
  readonly counts: RunCounts
  /** From `run.open`; null when the run never opened. */
  readonly policy: RunOpen['policy'] | null
  readonly identity: RunOpen['identity'] | null
  readonly run: RunOpen['run'] | null
}

export interface Statement {
  readonly _type: typeof STATEMENT_TYPE
  readonly subject: readonly Subject[]
  readonly predicateType: typeof PREDICATE_TYPE
  readonly predicate: RecordingPredicate
}

export function sealStatement(subject: readonly Subject[], predicate: RecordingPredicate, signer: NoteSigner): string {
  const statement: Statement = { _type: STATEMENT_TYPE, subject, predicateType: PREDICATE_TYPE, predicate }
  return sealEnvelope(PAYLOAD_TYPE, Buffer.from(JSON.stringify(statement), 'utf8'), signer)
}

/** The members of the statement as signed by this key; null when the envelope or its signature is not right. */
export function openStatement(text: string, verifier: NoteVerifier): Members | null {
  const payload = openEnvelope(text, PAYLOAD_TYPE, verifier)
  return payload === null ? null : readMembers(payload.toString('utf8'))
}
