// What goes between the gateway and the process that attests for it. Tokens travel here only: not in argv, not in the environment it starts with.

export interface AttestationRequest {
  /** GITHUB_TOKEN, with `attestations: write`. */
  readonly token: string
  /** Of this workflow, for the audience `sigstore`. */
  readonly idToken: string
  /** Public good publishes the repository's name in a public log; GitHub's own does not. */
  readonly instance: 'public-good' | 'github'
  readonly subject: { readonly name: string; readonly sha256: string }
  readonly predicateType: string
  readonly predicate: Readonly<Record<string, unknown>>
}

export type AttestationAnswer = { readonly outcome: 'attested'; readonly id: string } | { readonly outcome: 'failed'; readonly why: string }
