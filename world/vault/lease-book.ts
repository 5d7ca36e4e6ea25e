// Tokens and leases of the stand-in: who holds what until when, renewed within a maximum, revoked with everything below.
import { randomBytes } from 'node:crypto'

export interface Token {
  readonly id: string
  readonly role: string
  readonly policies: readonly string[]
  readonly maxEndsAtMs: number
  endsAtMs: number
}

export interface Lease {
  readonly id: string
  readonly token: Token
  readonly maxEndsAtMs: number
  endsAtMs: number
  readonly renew: (endsAt: Date) => Promise<void>
  readonly revoke: () => Promise<void>
}

export class LeaseBook {
  readonly tokens = new Map<string, Token>()
  readonly leases = new Map<string, Lease>()
  readonly #timers = new Map<string, NodeJS.Timeout>()

  issueToken(role: string, policies: readonly string[], ttlSec: number, maxTtlSec: number): Token {
    const nowMs = Date.now()
    const id = `hvs.${randomBytes(32).toString('base64url')}`
    const token: Token = { id, role, policies, endsAtMs: nowMs + ttlSec * 1_000, maxEndsAtMs: nowMs + maxTtlSec * 1_000 }
    this.tokens.set(id, token)
    this.#expire(id, token.endsAtMs, () => this.revokeToken(id))
    return token
  }

  find(id: string): Token | null {
    const token = this.tokens.get(id)
    return token !== undefined && token.endsAtMs > Date.now() ? token : null
  }

  /** @returns the seconds it lives from now on, never beyond its maximum. */
  renewToken(token: Token, ttlSec: number): number {
    token.endsAtMs = Math.min(Date.now() + ttlSec * 1_000, token.maxEndsAtMs)
    this.#expire(token.id, token.endsAtMs, () => this.revokeToken(token.id))
    return secondsUntil(token.endsAtMs)
  }

  /** The token's leases end with it. */
  async revokeToken(id: string): Promise<void> {
    this.tokens.delete(id)
    this.#forget(id)
    for (const lease of [...this.leases.values()].filter(({ token }) => token.id === id)) await this.revokeLease(lease.id)
  }

  /** A lease never outlives its token. */
  issueLease(path: string, token: Token, ttlSec: number, maxTtlSec: number, deeds: Pick<Lease, 'renew' | 'revoke'>): Lease {
    const nowMs = Date.now()
    const maxEndsAtMs = nowMs + maxTtlSec * 1_000
    const endsAtMs = Math.min(nowMs + ttlSec * 1_000, maxEndsAtMs)
    const lease: Lease = { id: `${path}/${randomBytes(12).toString('hex')}`, token, endsAtMs, maxEndsAtMs, ...deeds }
    this.leases.set(lease.id, lease)
    this.#expire(lease.id, endsAtMs, () => this.revokeLease(lease.id))
    return lease
  }

  async renewLease(lease: Lease, ttlSec: number): Promise<number> {
    lease.endsAtMs = Math.min(Date.now() + ttlSec * 1_000, lease.maxEndsAtMs)
    await lease.renew(new Date(lease.endsAtMs))
    this.#expire(lease.id, lease.endsAtMs, () => this.revokeLease(lease.id))
    return secondsUntil(lease.endsAtMs)
  }

  async revokeLease(id: string): Promise<void> {
    const lease = this.leases.get(id)
    this.leases.delete(id)
    this.#forget(id)
    await lease?.revoke()
  }

  /** Stops the clocks and revokes everything. */
  async close(): Promise<void> {
    for (const id of this.tokens.keys()) await this.revokeToken(id)
    for (const id of this.leases.keys()) await this.revokeLease(id)
  }

  #expire(id: string, endsAtMs: number, revoke: () => Promise<void>): void {
    this.#forget(id)
    const end = (): void => {
      // Nobody waits for an expiry; what it cannot undo is the target's to show.
      revoke().catch(() => undefined)
    }
    this.#timers.set(id, setTimeout(end, Math.max(0, endsAtMs - Date.now())).unref())
  }

  #forget(id: string): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
  }
}

export function secondsUntil(atMs: number): number {
  return Math.max(0, Math.round((atMs - Date.now()) / 1_000))
}
