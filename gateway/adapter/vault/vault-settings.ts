// One Vault or OpenBao server of the policy's `sources:`.

export interface VaultSettings {
  /** Name of the entry (`vault` for `vault://`, `eu` for `vault+eu://`). */
  readonly name: string
  /** `https://vault.internal:8200`; plain http on a loopback address only. */
  readonly address: string
  /** Enterprise or OpenBao namespace; null = the root. */
  readonly namespace: string | null
  /** PEM of the authorities to trust; null = the system's. */
  readonly ca: string | null
  readonly auth: {
    readonly method: 'jwt'
    /** Where the JWT auth method is mounted. */
    readonly mount: string
    readonly role: string
    /** Audience of the OIDC token sent to this server, its role's `bound_audiences`. */
    readonly audience: string
  }
}
