// The policy file as parsed: every reference between names is known to exist, every condition is compiled. Plain data.
import type { CredentialRef, Connection } from '../core/connection.ts'
import type { ApproverGroup } from '../core/decision.ts'
import type { MaskRule } from '../core/mask-rule.ts'
import type { SqlEffect, SshCommand } from '../core/command.ts'
import type { TrustedIssuer } from '../core/token.ts'
import type { Condition } from './condition.ts'
import type { Glob } from './glob.ts'
import type { Place } from './yaml-tree.ts'

/** One entry of `groups:`: a token of this issuer for which the condition holds is in the group. */
export interface Group {
  readonly name: string
  readonly issuer: string
  readonly when: Condition
}

/** One entry of `sources:`: where credentials come from. */
export type Source =
  | {
      readonly kind: 'vault'
      readonly name: string
      readonly address: string
      readonly namespace: string | null
      /** PEM text, or the name of a file beside the policy; null = the system's authorities. */
      readonly ca: Authority | null
      readonly auth: { readonly method: 'jwt'; readonly mount: string; readonly role: string; readonly audience: string }
    }
  | { readonly kind: 'exec'; readonly name: string; readonly command: readonly string[] }

/** Certificates to trust: in the policy itself, or in a file beside it. */
export type Authority = { readonly kind: 'pem'; readonly text: string } | { readonly kind: 'file'; readonly path: string }

export type Outcome = 'allow' | 'ask' | 'deny'
export type Preset = 'read-only' | 'careful' | 'admin'

/** One entry of `connections:`. */
export interface ConnectionEntry {
  /** Without the text of `authority`; `compilePolicy` puts it in. */
  readonly connection: Connection
  readonly authority: Authority | null
  readonly use: readonly Preset[]
  /** For a command that no rule matches. */
  readonly default: Outcome
  /** Who is asked by `default: ask` and by the presets; null = nobody is asked. */
  readonly approvers: ApproverGroup | null
  /** `schema.name` of functions the policy trusts: its own and the file's. */
  readonly trustedFunctions: ReadonlySet<string>
}

export interface SqlPart {
  /** null = whatever its effects are. */
  readonly effects: readonly SqlEffect[] | null
  readonly unfiltered: boolean | null
}

export interface SshPart {
  readonly requests: readonly SshCommand['request'][] | null
  readonly programs: readonly Glob[] | null
  /** Each is one pattern a word; a last word `**` stands for any number of words. */
  readonly commands: readonly ArgvPattern[] | null
  readonly operations: readonly string[] | null
  readonly paths: readonly Glob[] | null
}

export interface ArgvPattern {
  readonly words: readonly Glob[]
  /** True when anything may follow. */
  readonly isOpen: boolean
}

export interface KubernetesPart {
  readonly verbs: readonly string[] | null
  readonly resources: readonly Glob[] | null
  readonly namespaces: readonly Glob[] | null
  readonly names: readonly Glob[] | null
  readonly dryRun: boolean | null
  readonly commands: readonly ArgvPattern[] | null
}

/** One entry of `rules:`, or a rule of a preset. */
export interface Rule {
  readonly name: string
  /** Connections it holds for; null = all. */
  readonly on: ReadonlySet<string> | null
  /** Groups it holds for; null = everybody. */
  readonly groups: readonly string[] | null
  /** Null = it says nothing of this protocol. When all three are null, it holds for every command. */
  readonly sql: SqlPart | null
  readonly ssh: SshPart | null
  readonly kubernetes: KubernetesPart | null
  readonly when: Condition | null
  readonly outcome: Outcome
  /** Set when `outcome` is `ask`. */
  readonly approvers: ApproverGroup | null
  readonly because: string | null
  /** Where it stands in the file; null for a rule of a preset. */
  readonly place: Place | null
}

export interface RecordingSettings {
  /** Masked result rows kept per statement. */
  readonly rows: number
  /** age recipients, as written. */
  readonly encryptTo: readonly string[]
  readonly sinks: readonly string[]
}

/** One entry of `tests:`. */
export interface PolicyTest {
  readonly name: string
  readonly issuer: string
  readonly claims: Readonly<Record<string, unknown>>
  readonly to: string
  readonly run: string
  readonly expect: Outcome
  readonly place: Place
}

export interface PolicyFile {
  /** As given to `parsePolicy`; stands in front of every problem. */
  readonly name: string
  /** SHA-256 of the text's UTF-8 bytes, `sha256:hex`. */
  readonly digest: string
  readonly issuers: ReadonlyMap<string, TrustedIssuer>
  readonly groups: ReadonlyMap<string, Group>
  readonly sources: ReadonlyMap<string, Source>
  readonly connections: ReadonlyMap<string, ConnectionEntry>
  /** In the file's order, without the presets' rules. */
  readonly rules: readonly Rule[]
  readonly masks: readonly MaskRule[]
  readonly approvers: ReadonlyMap<string, ApproverGroup>
  readonly recording: RecordingSettings
  readonly tests: readonly PolicyTest[]
  /** What is allowed but surely not meant, one line each with its place. */
  readonly warnings: readonly string[]
}

/** References to credentials in the whole file, in order. */
export function credentialsOf(file: PolicyFile): readonly CredentialRef[] {
  return [...file.connections.values()].map(entry => entry.connection.credential)
}

/** Names of the files beside the policy that it needs (`ca:`), each once. */
export function authorityFiles(file: PolicyFile): readonly string[] {
  const authorities = [
    ...[...file.connections.values()].map(entry => entry.authority),
    ...[...file.sources.values()].map(source => (source.kind === 'vault' ? source.ca : null)),
  ]
  return [...new Set(authorities.flatMap(authority => (authority?.kind === 'file' ? [authority.path] : [])))]
}
