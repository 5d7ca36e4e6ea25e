// Where credentials come from. Adapters implement CredentialSource; only engine targets see a Lease.
import type { CredentialRef } from './connection.ts'
import type { Secret } from './secret.ts'

export interface Lease {
  /** Login name that comes with the credential, null where it brings none. */
  readonly username: string | null
  readonly kind: 'password' | 'token' | 'ssh-key' | 'ssh-certificate' | 'client-certificate'
  /** Empty for a certificate that was made for `publicKey` of the context: the caller holds the private half. */
  readonly secret: Secret
  /** Certificate text for the two certificate kinds; null otherwise. */
  readonly certificate: string | null
  readonly expiresAt: Date | null
  /** It opens the target once: it is lent to one session, and the next gets another. */
  readonly isOneTime?: true
  /** For the recording: where it is from, without anything secret. */
  readonly receipt: string
}

export interface CredentialContext {
  /** A fresh OIDC token of this workflow for another audience (Vault, STS). */
  idToken(audience: string, signal: AbortSignal): Promise<Secret>
  /** For `ssh` signing: public key to certify, OpenSSH format; null elsewhere. */
  readonly publicKey: string | null
  readonly login: string | null
}

export interface CredentialSource {
  readonly scheme: string
  /**
   * Gets a credential. Retries only what may pass (429, 5xx, network), never a refusal.
   * @throws {SallyportError} CREDENTIAL_UNAVAILABLE, VAULT_LOGIN_REFUSED, VAULT_NOT_FOUND; never with a secret in it.
   */
  acquire(ref: CredentialRef, context: CredentialContext, signal: AbortSignal): Promise<Lease>
  /** Gives back everything that can be revoked; returns one line of words per credential for the log. Never throws. */
  close(signal: AbortSignal): Promise<readonly string[]>
}
