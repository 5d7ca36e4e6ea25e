// One wish of a client, in words that every rule and every approver understands.
// `certainty` is honesty: what cannot be proven is `opaque`, never guessed.
import type { Protocol } from './connection.ts'

export type Certainty = 'parsed' | 'partial' | 'opaque'

/** Effects of SQL, CONTRACT 2.1. A command that is not `parsed` always carries `unknown`. */
export const sqlEffects = [
  'read',
  'write',
  'ddl',
  'privilege',
  'session',
  'transaction',
  'lock',
  'file',
  'program',
  'admin',
  'call',
  'unknown',
] as const
export type SqlEffect = (typeof sqlEffects)[number]

interface CommandBase {
  readonly protocol: Protocol
  /** `select`, `drop table`, `exec`, `put`, `delete` … lower case. */
  readonly verb: string
  /** What it touches: `public.users`, `/etc/passwd`, `shop/pods/web-0`. */
  readonly resources: readonly string[]
  /** What the approver reads. The bytes that are sent mean exactly this. */
  readonly text: string
  readonly certainty: Certainty
  /** Why it is not `parsed`; null when it is. */
  readonly doubt: string | null
}

export interface SqlCommand extends CommandBase {
  readonly protocol: 'postgres'
  readonly effects: ReadonlySet<SqlEffect>
  /** An UPDATE or DELETE of every row, TRUNCATE's kin excluded (that is ddl-like `write` + its own verb). */
  readonly unfiltered: boolean
  /** Values bound to $1, $2 … as they may be shown (text form; binary as hex), null = SQL NULL. Empty for simple queries. */
  readonly values: readonly (string | null)[]
  /**
   * The same object for commands that differ in nothing but `text` and `values`: what was decided without looking at them can be kept
   * by it. Left out: the command is its own shape.
   */
  readonly shape?: object
}

/**
 * Stands in an argument vector for everything from the first word on that the text does not tell, and for such a path. Allow rules never take
 * it for a word; ask and deny rules take it for any.
 */
export const UNKNOWN_WORDS = '⟦not known⟧'

export interface SshCommand extends CommandBase {
  readonly protocol: 'ssh'
  readonly request: 'exec' | 'shell' | 'sftp' | 'forward' | 'agent' | 'x11'
  /** Programs that would run, after unwrapping; empty for files. */
  readonly programs: readonly string[]
  readonly argvs: readonly (readonly string[])[]
  readonly operation: string | null
  readonly paths: readonly string[]
}

/** What a request can do beside what its verb says: a way into a pod or node, or a way to more rights. */
export const kubernetesPowers = [
  'exec',
  'attach',
  'portforward',
  'proxy',
  'ephemeralcontainers',
  'token',
  'approve',
  'bind',
  'escalate',
] as const
export type KubernetesPower = (typeof kubernetesPowers)[number]

export interface KubernetesCommand extends CommandBase {
  readonly protocol: 'kubernetes'
  /** `resource[.group][/subresource]`. */
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly dryRun: boolean
  /** exec: the words as they were sent. */
  readonly argv: readonly string[]
  /** exec: every program that would run with its arguments, after shells and wrappers are taken off. */
  readonly argvs: readonly (readonly string[])[]
  readonly powers: readonly KubernetesPower[]
}

export type Command = SqlCommand | SshCommand | KubernetesCommand
