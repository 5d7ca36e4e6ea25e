// The events of a recording (CONTRACT 7), as the rooms hand them over. `seq`, `at`, `ms` are added by record/.
// Nothing masked is in here in any form: not the value, not a hash of it, not its length.
import type { Protocol } from './connection.ts'

export interface RunOpen {
  readonly kind: 'run.open'
  readonly run: Readonly<Record<string, unknown>>
  readonly identity: Readonly<Record<string, unknown>>
  readonly policy: { readonly digest: string; readonly source: string }
  readonly connections: readonly { readonly name: string; readonly protocol: Protocol; readonly address: string }[]
  readonly gateway: { readonly version: string; readonly isolation: string }
  /** The verifier key (`name+hash+base64`) whose private half signs this log. */
  readonly key: string
}
export interface SessionOpen {
  readonly kind: 'session.open'
  readonly connection: string
  readonly protocol: Protocol
  /** What the client says of itself, e.g. `psql`; never trusted. */
  readonly client: string
  /** Login name on the target. */
  readonly user: string
  /** Masks that do not hold for this identity (`unless`); left out when all of them hold. */
  readonly lifted?: readonly string[]
}
export interface CommandEvent {
  readonly kind: 'command'
  /** Number of the command in this run, from 1; later events name it. */
  readonly command: number
  readonly connection: string
  readonly verb: string
  readonly effects: readonly string[]
  readonly resources: readonly string[]
  readonly certainty: string
  readonly doubt: string | null
  readonly text: string
  readonly values: readonly (string | null)[]
}
export interface DecisionEvent {
  readonly kind: 'decision'
  readonly command: number
  readonly outcome: 'allow' | 'ask' | 'deny'
  readonly rule: string
  readonly because: string | null
}
export interface AskEvent {
  readonly kind: 'ask'
  readonly command: number
  readonly code: string
  readonly approvers: string
  readonly needs: number
  readonly until: string
  readonly where: string
  readonly digest: string
}
export interface AnswerEvent {
  readonly kind: 'answer'
  readonly command: number
  readonly code: string
  readonly outcome: 'approved' | 'rejected' | 'expired' | 'superseded' | 'refused'
  readonly by: readonly { readonly id: number; readonly login: string; readonly at: string; readonly evidence: string }[]
  readonly reason: string | null
}
export interface ResultEvent {
  readonly kind: 'result'
  readonly command: number
  /** The target's own words: a command tag, an exit status, an HTTP status. */
  readonly tag: string
  readonly rows: number
  readonly durationMs: number
}
export interface RowsEvent {
  readonly kind: 'rows'
  readonly command: number
  readonly columns: readonly string[]
  /** As the client saw them, masked; null = SQL NULL; binary as `\x…`. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** Rows beyond `recording.rows` that are not kept, or null while unknown. */
  readonly omitted: number
}
export interface MaskEvent {
  readonly kind: 'mask'
  readonly command: number
  readonly rule: string
  readonly column: string
  readonly values: number
}
export interface FileEvent {
  readonly kind: 'file'
  readonly command: number
  readonly path: string
  readonly operation: string
  readonly bytes: number
  readonly digest: string | null
  /** Bytes of a terminal that its recording no longer took; left out when it has them all. */
  readonly omitted?: number
}
export interface ErrorEvent {
  readonly kind: 'error'
  /** null when no command is to blame. */
  readonly command: number | null
  /** SQLSTATE, or our own code. */
  readonly code: string
  readonly message: string
}
export interface SessionClose {
  readonly kind: 'session.close'
  readonly reason: string
  readonly commands: number
  readonly durationMs: number
}
export interface RunClose {
  readonly kind: 'run.close'
  readonly reason: string
  readonly counts: RunCounts
}
export interface RunCounts {
  readonly sessions: number
  readonly commands: number
  readonly allowed: number
  readonly denied: number
  readonly asked: number
  readonly approved: number
  readonly masked: number
  readonly errors: number
}

export type EventBody =
  | RunOpen
  | SessionOpen
  | CommandEvent
  | DecisionEvent
  | AskEvent
  | AnswerEvent
  | ResultEvent
  | RowsEvent
  | MaskEvent
  | FileEvent
  | ErrorEvent
  | SessionClose
  | RunClose

export type EventKind = EventBody['kind']
