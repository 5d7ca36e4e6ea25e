// The gateway's login at one Vault: JWT in, token out, kept alive while the gateway runs, revoked at its end with all it made.
import type { Clock } from '../../core/clock.ts'
import type { CredentialContext } from '../../core/credential.ts'
import { SallyportError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import { objectOf, unavailable } from './vault-client.ts'
import type { VaultClient } from './vault-client.ts'
import { VaultLife } from './vault-life.ts'

export interface VaultToken {
  readonly secret: Secret
  readonly life: VaultLife
}

export class VaultLogin {
  readonly #client: VaultClient
  readonly #clock: Clock
  readonly #ended: AbortSignal
  /** Every token still held, newest last: leases of an older one live as long as it does. */
  readonly #held: VaultToken[] = []
  #pending: Promise<VaultToken> | null = null

  /** @param ended aborts when the gateway ends: nothing is renewed after it. */
  constructor(client: VaultClient, clock: Clock, ended: AbortSignal) {
    this.#client = client
    this.#clock = clock
    this.#ended = ended
  }

  /** A token with time left. @throws {SallyportError} VAULT_LOGIN_REFUSED, VAULT_NOT_FOUND, CREDENTIAL_UNAVAILABLE. */
  async token(context: CredentialContext, signal: AbortSignal): Promise<VaultToken> {
    const newest = this.#held.at(-1)
    if (newest?.life.isGood === true) return newest
    this.#pending ??= this.#login(context, signal).finally(() => {
      this.#pending = null
    })
    return await this.#pending
  }

  /** After a 403: the token may have been revoked. The next call logs in again. */
  drop(token: VaultToken): void {
    const at = this.#held.indexOf(token)
    if (at >= 0) this.#held.splice(at, 1)
  }

  /** Revokes every token held. @returns true when the server confirmed all. Never throws. */
  async revoke(signal: AbortSignal): Promise<boolean> {
    const all = this.#held.splice(0)
    const answers = await Promise.allSettled(
      all.map(token => this.#client.call({ method: 'POST', path: 'auth/token/revoke-self', body: {}, token: token.secret }, signal)),
    )
    for (const token of all) token.secret.wipe()
    return answers.every(answer => answer.status === 'fulfilled' && answer.value.status < 300)
  }

  async #login(context: CredentialContext, signal: AbortSignal): Promise<VaultToken> {
    const { name, auth } = this.#client.settings
    const jwt = await context.idToken(auth.audience, signal)
    const text = jwt.reveal().toString('utf8')
    const answer = await this.#client.call(
      { method: 'POST', path: `auth/${auth.mount}/login`, body: { role: auth.role, jwt: text }, hide: [text] },
      signal,
    )
    if (answer.status !== 200) throw loginError(this.#client, answer.status, answer.errors)
    const granted = objectOf(answer.members['auth'])
    const token = granted?.['client_token']
    const ttlSec = granted?.['lease_duration']
    if (typeof token !== 'string' || token === '' || typeof ttlSec !== 'number') throw unavailable(name, 'its login answer holds no token')
    const held = { secret: new Secret(token), life: new VaultLife(ttlSec, this.#clock) }
    this.#held.push(held)
    if (granted?.['renewable'] === true) {
      void held.life.keep(async renewSignal => {
        const again = await this.#client.call({ method: 'POST', path: 'auth/token/renew-self', body: {}, token: held.secret }, renewSignal)
        if (again.status === 403) return { outcome: 'gone' }
        const nextSec = objectOf(again.members['auth'])?.['lease_duration']
        return again.status === 200 && typeof nextSec === 'number' ? { outcome: 'renewed', ttlSec: nextSec } : { outcome: 'failed' }
      }, this.#ended)
    }
    return held
  }
}

/** E05 and E06 with Vault's own words, which name the claim or the role that differs. */
function loginError(client: VaultClient, status: number, errors: string): SallyportError {
  const { name, auth } = client.settings
  if (status === 404 || /could not be found|no handler for route|unsupported path/.test(errors)) {
    return new SallyportError('VAULT_NOT_FOUND', `vault does not know role ${auth.role} at auth/${auth.mount} (source ${name})`, {
      why: errors === '' ? 'a wrong `mount`, `role` or `namespace`' : `vault says: ${errors}`,
      fix: 'check `mount`, `role` and `namespace` in `sources:`',
    })
  }
  if (status >= 500 || status === 429) return unavailable(name, status === 503 ? 'it is sealed or not ready' : `status ${String(status)}`)
  return new SallyportError('VAULT_LOGIN_REFUSED', `vault refused the login of role ${auth.role} (source ${name})`, {
    why: errors === '' ? 'a bound claim or audience of the role differs' : `vault says: ${errors}`,
    fix: `compare the role's bound_audiences and bound_claims with the token's: vault write auth/${auth.mount}/role/${auth.role} bound_audiences=${auth.audience} …`,
  })
}
