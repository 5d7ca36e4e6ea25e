// What goes over the pipe between a launcher (the Action, `sallyport exec`, `doctor`) and its gateway: one JSON object a line.
// The launcher speaks first. Secrets travel here and nowhere else: never argv, never a file.

/** Where the policy is read from. */
export type PolicySource =
  | { readonly kind: 'text'; readonly text: string; readonly name: string }
  /** Through the API: `config` is empty (default branch of the run's repository) or `owner/repo:path@ref`. */
  | { readonly kind: 'github'; readonly config: string }

export interface LaunchRequest {
  readonly kind: 'launch'
  readonly policy: PolicySource
  /** Names; empty = all that the identity may open. */
  readonly connections: readonly string[]
  /** An OIDC token, or null: fetch one by GitHub's variables in `environment`. */
  readonly token: string | null
  /** Overrides the policy's audience when a token is fetched; empty = the policy's. */
  readonly audience: string
  readonly githubToken: string
  /** The pull request that is asked; null = from the event. */
  readonly pullRequest: number | null
  /** The launcher's whole environment: GitHub's variables, proxies, and what `env://` names. */
  readonly environment: Readonly<Record<string, string>>
  /** Text of GitHub's event file: the launcher may read it, a gateway of another user may not. null = there is none. */
  readonly event: string | null
  /** Directory that gets the sealed recording; null = a private directory (it is shipped by sinks). */
  readonly out: string | null
  /** Directory that will hold the client files (service file, ssh config, kubeconfig). The launcher writes them: it is the job's user. */
  readonly clientDir: string
  readonly isolation: 'user' | 'none'
  /** Process whose end ends the gateway (the runner's worker); null = the pipe's end does. */
  readonly watchPid: number | null
  /** The gateway ends after this time whatever happens; null = no limit. */
  readonly timeToLiveMs: number | null
  /** Upload settings for the `artifact` sink; null = no artifact (exec). */
  readonly artifact: { readonly name: string; readonly retentionDays: number | null } | null
  readonly attest: boolean
  /** A key to sign the recording with, as its file holds it; left out = the gateway makes one for this run. */
  readonly signingKey?: string
}

/** Asks what the roles of masked connections see past the masks. One login each; no run is opened, nothing is recorded or listens. */
export interface InspectRequest {
  readonly kind: 'inspect'
  readonly policy: PolicySource
  /** As in a launch. */
  readonly token: string | null
  readonly githubToken: string
  readonly environment: Readonly<Record<string, string>>
}

export interface Endpoint {
  readonly name: string
  readonly protocol: 'postgres' | 'ssh' | 'kubernetes'
  readonly host: string
  readonly port: number
  /** Holds the ticket where the protocol's URL has room for one. */
  readonly url: string
}

/** A file for the job's clients. */
export interface ClientFile {
  /** Relative to `clientDir`, without `..`. */
  readonly path: string
  readonly text: string
  /** For nobody but its owner, whatever the others are: a program refuses it otherwise. */
  readonly isPrivate?: boolean
}

export interface Ready {
  readonly kind: 'ready'
  readonly run: string
  /** Verifier key of the recording. */
  readonly key: string
  readonly endpoints: readonly Endpoint[]
  /** Variables for the job (CONTRACT 3.1). */
  readonly environment: Readonly<Record<string, string>>
  /** What the launcher writes below `clientDir`, readable by the job's user only. They hold tickets, never a credential. */
  readonly files: readonly ClientFile[]
  /** Values a log must hide (tickets). */
  readonly hide: readonly string[]
  /** Variables the job must not see (`env://`). */
  readonly remove: readonly string[]
  /** Loopback port and secret of the control listener, for `finish` after the pipe is gone. */
  readonly control: { readonly port: number; readonly secret: string }
  readonly pid: number
  /** Lines for the log: identity, connections, policy. */
  readonly words: readonly string[]
  readonly warnings: readonly string[]
}

export interface Failed {
  readonly kind: 'failed'
  readonly code: string
  readonly id: string
  readonly exitStatus: number
  readonly message: string
  readonly why: string | null
  readonly fix: string | null
}

/** One for each connection with masked columns. */
export interface Inspected {
  readonly kind: 'inspected'
  readonly connections: readonly {
    readonly name: string
    /** What was found; empty = the server keeps the role from what is masked. */
    readonly warnings: readonly string[]
    /** Why it was not looked at; null = it was. */
    readonly failure: Failed | null
  }[]
}

/** Ends the run: sessions are closed, the log sealed and shipped, credentials revoked. */
export interface FinishRequest {
  readonly kind: 'finish'
  readonly reason: string
}

export interface Finished {
  readonly kind: 'finished'
  readonly run: string
  readonly key: string
  readonly out: string | null
  /** By what came of them: `allowed`, `denied` by a rule, `asked`, `approved`, `rejected` (asked and not approved); and what else is worth counting. */
  readonly counts: Readonly<Record<string, number>>
  /** Markdown for the step summary, below 200 kB. */
  readonly summary: string
  readonly words: readonly string[]
  readonly warnings: readonly string[]
  readonly artifactUrl: string | null
}

export type FromLauncher = LaunchRequest | InspectRequest | FinishRequest
export type FromGateway = Ready | Inspected | Failed | Finished
