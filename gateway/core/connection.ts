// One target by name. Holds a reference to a credential, never the credential.

export type Protocol = 'postgres' | 'ssh' | 'kubernetes'

/** `scheme[+source]://path[?param=…][#field]` of CONTRACT 2.2, taken apart. */
export interface CredentialRef {
  /** `vault`, `env`, `file`, `exec`, … */
  readonly scheme: string
  /** Entry of `sources:` (`vault+eu://` names `eu`); defaults to the scheme's own name. */
  readonly source: string
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly field: string | null
  /** As written, for messages; holds no secret. */
  readonly text: string
}

export interface TlsSettings {
  readonly mode: 'disable' | 'require' | 'verify-ca' | 'verify-full'
  /** PEM text of the authorities to trust; null = the system's. */
  readonly ca: string | null
}

/** A user and groups of the target that stand for this workflow. */
export interface Impersonation {
  readonly user: string
  readonly groups: readonly string[]
}

export interface Connection {
  readonly name: string
  readonly protocol: Protocol
  readonly host: string
  readonly port: number
  /** Login name where the credential brings none; null = it must. */
  readonly user: string | null
  readonly credential: CredentialRef
  readonly tls: TlsSettings
  /** postgres: the database; null elsewhere. */
  readonly database: string | null
  /** ssh: pinned host keys `SHA256:…`; empty elsewhere. */
  readonly hostKeys: readonly string[]
  /** kubernetes: who the cluster takes the workflow for, as written in the policy. */
  readonly impersonate?: Impersonation
  /** Groups that may open it. */
  readonly groups: readonly string[]
}
