// `vault://…` and OpenBao: logs in with the workflow's OIDC token, gets credentials, keeps them alive, gives everything back.
// A leased credential is shared by all who ask for the same reference while it lives.
import type { Clock } from '../../core/clock.ts'
import type { CredentialRef } from '../../core/connection.ts'
import type { CredentialContext, CredentialSource, Lease } from '../../core/credential.ts'
import type { Http } from '../../core/http.ts'
import { VaultClient } from './vault-client.ts'
import { callFor, readCredential } from './vault-engine.ts'
import type { Credential } from './vault-engine.ts'
import { VaultLife } from './vault-life.ts'
import { VaultLogin } from './vault-login.ts'
import type { VaultToken } from './vault-login.ts'
import { readVaultPath } from './vault-path.ts'
import type { VaultWish } from './vault-path.ts'
import type { VaultSettings } from './vault-settings.ts'

interface Held {
  readonly lease: Lease
  readonly life: VaultLife
  readonly id: string
  readonly ref: CredentialRef
  readonly token: VaultToken
}

/** @throws {SallyportError} POLICY_INVALID when the address may not be used. */
export function createVaultSource(settings: VaultSettings, parts: { readonly http: Http; readonly clock: Clock }): CredentialSource {
  return new VaultSource(new VaultClient(settings, parts.http), parts.clock)
}

class VaultSource implements CredentialSource {
  readonly scheme = 'vault'
  readonly #client: VaultClient
  readonly #clock: Clock
  readonly #ended = new AbortController()
  readonly #login: VaultLogin
  /** Every lease that may still have to be given back, the usable ones and the replaced ones. */
  readonly #held: Held[] = []
  readonly #pending = new Map<string, Promise<Lease>>()
  /** Tokens that got a credential already. */
  readonly #used = new WeakSet<VaultToken>()

  constructor(client: VaultClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#login = new VaultLogin(client, clock, this.#ended.signal)
  }

  async acquire(ref: CredentialRef, context: CredentialContext, wanted: AbortSignal): Promise<Lease> {
    this.#ended.signal.throwIfAborted()
    // What was asked for when the gateway ends is not waited for; its login takes it away.
    const signal = AbortSignal.any([wanted, this.#ended.signal])
    const wish = readVaultPath(ref)
    const good = this.#held.findLast(
      held => held.ref.text === ref.text && held.lease.isOneTime !== true && held.life.isGood && held.token.life.isGood,
    )
    if (good !== undefined) return good.lease
    // Certificates are made for one key and one login, one-time passwords for one login: they are never shared.
    if (wish.engine === 'ssh-sign' || wish.engine === 'ssh-issue' || wish.engine === 'ssh-otp')
      return await this.#fetch(wish, ref, context, signal)
    const pending =
      this.#pending.get(ref.text) ??
      this.#fetch(wish, ref, context, signal).finally(() => {
        this.#pending.delete(ref.text)
      })
    this.#pending.set(ref.text, pending)
    return await pending
  }

  /** Leases first, so that the server says of each that it is gone; then the tokens, which takes with it what is left. */
  async close(signal: AbortSignal): Promise<readonly string[]> {
    this.#ended.abort(new Error('the gateway ends'))
    await Promise.allSettled(this.#pending.values())
    const all = this.#held.splice(0)
    const isGone = await Promise.all(all.map(held => this.#revoke(held, signal)))
    const isLoggedOut = await this.#login.revoke(signal)
    return all.map((held, index) => {
      held.lease.secret.wipe()
      const what = `${this.#client.settings.name}: ${held.ref.path}`
      if (isGone[index] === true) return `${what}: revoked`
      if (isLoggedOut) return `${what}: revoked with the gateway's login`
      return `${what}: could not be revoked, it lives until ${held.life.expiresAt?.toISOString() ?? 'it is removed by hand'}`
    })
  }

  async #fetch(wish: VaultWish, ref: CredentialRef, context: CredentialContext, signal: AbortSignal): Promise<Lease> {
    const call = callFor(wish, ref, context)
    let token = await this.#login.token(context, signal)
    let answer = await this.#client.call({ ...call, token: token.secret }, signal)
    if (answer.status === 403 && this.#used.has(token)) {
      // A token that has worked before may have been revoked; one that is new is simply not allowed this.
      this.#login.drop(token)
      token = await this.#login.token(context, signal)
      answer = await this.#client.call({ ...call, token: token.secret }, signal)
    }
    const credential = readCredential(wish, ref, answer, this.#client)
    this.#used.add(token)
    return this.#hold(credential, ref, token)
  }

  #hold(credential: Credential, ref: CredentialRef, token: VaultToken): Lease {
    const { lease, vaultLease } = credential
    if (vaultLease === null) return lease
    const life = new VaultLife(vaultLease.ttlSec, this.#clock)
    const living: Lease = {
      ...lease,
      get expiresAt(): Date | null {
        return life.expiresAt
      },
    }
    this.#held.push({ lease: living, life, id: vaultLease.id, ref, token })
    if (vaultLease.isRenewable) void life.keep(renewSignal => this.#renew(vaultLease.id, token, renewSignal), this.#ended.signal)
    return living
  }

  async #renew(id: string, token: VaultToken, signal: AbortSignal): ReturnType<Parameters<VaultLife['keep']>[0]> {
    const answer = await this.#client.call(
      { method: 'POST', path: 'sys/leases/renew', body: { lease_id: id }, token: token.secret },
      signal,
    )
    const ttlSec = answer.members['lease_duration']
    if (answer.status === 200 && typeof ttlSec === 'number') return { outcome: 'renewed', ttlSec }
    return { outcome: answer.status === 400 || answer.status === 403 || answer.status === 404 ? 'gone' : 'failed' }
  }

  async #revoke(held: Held, signal: AbortSignal): Promise<boolean> {
    try {
      const call = { method: 'POST', path: 'sys/leases/revoke', body: { lease_id: held.id, sync: true }, token: held.token.secret } as const
      return (await this.#client.call(call, signal)).status < 300
    } catch {
      return false
    }
  }
}
