// Who asks, proven by a verified OIDC token. Nothing here is made from an unverified token.

export interface Identity {
  /** Name of the issuer in the policy file (`github`). */
  readonly issuer: string
  /** The token's `iss`, exactly. */
  readonly iss: string
  readonly subject: string
  /** All claims of the token, as verified. The token itself is not kept. */
  readonly claims: Readonly<Record<string, unknown>>
  /** Names of the policy's groups this identity lands in; empty = opens nothing. */
  readonly groups: ReadonlySet<string>
  readonly expiresAt: Date
  /** SHA-256 of the token, hex: lets an auditor match GitHub's `hashed_token`. */
  readonly tokenDigest: string
}

/** The run all sessions of this gateway belong to. */
export interface Run {
  /** Id of the recording, unguessable, URL-safe. */
  readonly id: string
  /** `owner/repo`, or null outside GitHub. */
  readonly repository: string | null
  readonly workflowRunId: string | null
  readonly attempt: string | null
  readonly job: string | null
  readonly actor: string | null
  readonly event: string | null
  readonly sha: string | null
  readonly pullRequest: number | null
}
