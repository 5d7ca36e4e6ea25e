// Lends credentials to sessions: acquired when the first session needs one, shared, renewed in time, refused when it cannot be.
// Never looks into a lease; only engine targets do.
import type { Clock } from '../core/clock.ts'
import type { Connection, CredentialRef } from '../core/connection.ts'
import type { CredentialContext, CredentialSource, Lease } from '../core/credential.ts'
import { SallyportError } from '../core/errors.ts'

/** A lease is replaced for new sessions when this much of its life is over, give or take the jitter. */
const RENEW_AT = 2 / 3
const JITTER = 0.1
/** After so many failures in a row new sessions are refused until a lease can be had again. */
const MAX_FAILURES = 3
/** A lease that ends this soon is not lent any more: the login would race its end. */
const MIN_LEFT_MS = 5_000
/** Several sessions that fail at once are one failure, and a source that is down is not hammered. */
const RETRY_MS = 2_000
/** A lease that was refused is replaced when it is older than this; a source that hands out what nobody takes is not hammered. */
const MIN_AGE_MS = 10_000

export interface LeaseDeskParts {
  /** The source of a reference by its scheme and entry, null when there is none. */
  readonly sourceFor: (ref: CredentialRef) => CredentialSource | null
  readonly context: (connection: Connection) => CredentialContext
  readonly clock: Clock
  /** 0 to 1, for the jitter. */
  readonly random?: () => number
}

export interface LeaseDesk {
  /**
   * @param refused a lease that the target refused: it is not lent again, unless it was fetched a moment ago.
   * @throws {SallyportError} CREDENTIAL_UNAVAILABLE and what the source throws.
   */
  borrow(connection: Connection, signal: AbortSignal, refused?: Lease): Promise<Lease>
}

interface Account {
  lease: Lease | null
  /** Monotonic times. */
  fetchedAtMs: number
  renewAtMs: number
  endsAtMs: number
  pending: Promise<Lease> | null
  failures: number
  retryAtMs: number
  lastError: SallyportError | null
}

/** One desk a gateway. A lease belongs to a connection; every session of it is lent the same one. */
export function openLeaseDesk(parts: LeaseDeskParts): LeaseDesk {
  const accounts = new Map<string, Account>()

  return {
    async borrow(connection, signal, refused) {
      const known = accounts.get(connection.name)
      if (known !== undefined && refused !== undefined && known.lease === refused) {
        if (parts.clock.monotonicMs() < known.fetchedAtMs + MIN_AGE_MS) return refused
        known.lease = null
      }
      for (;;) {
        const lease = await lend(connection, signal)
        if (lease.isOneTime !== true) return lease
        // Of those who waited for it one gets it; a credential that was never lent is there for the first who asks.
        const account = accounts.get(connection.name)
        if (account?.lease !== lease) continue
        account.lease = null
        return lease
      }
    },
  }

  async function lend(connection: Connection, signal: AbortSignal): Promise<Lease> {
    const account = accounts.get(connection.name) ?? newAccount()
    accounts.set(connection.name, account)
    const now = parts.clock.monotonicMs()
    if (account.lease !== null && now < account.renewAtMs) return account.lease
    if (account.lease !== null && now < account.endsAtMs - MIN_LEFT_MS && account.failures < MAX_FAILURES) {
      // Still good: the session goes on with it while a new one is fetched for the next.
      if (account.pending === null && now >= account.retryAtMs) void acquire(account, connection).catch(() => undefined)
      return account.lease
    }
    if (account.pending === null && account.lastError !== null && now < account.retryAtMs) throw account.lastError
    return untilAborted(account.pending ?? acquire(account, connection), signal)
  }

  function acquire(account: Account, connection: Connection): Promise<Lease> {
    const ref = connection.credential
    const source = parts.sourceFor(ref)
    if (source === null) {
      return Promise.reject(
        new SallyportError('CREDENTIAL_UNAVAILABLE', `no source for ${ref.text}`, {
          why: `connection ${connection.name} refers to ${ref.scheme} source ${ref.source}, and there is none`,
          fix: `add ${ref.source} to sources: in sallyport.yml, or correct the reference`,
        }),
      )
    }
    // Its own signal: the first session may go away while others wait for the same lease.
    const pending = source.acquire(ref, parts.context(connection), new AbortController().signal).then(
      lease => {
        keep(account, lease)
        return lease
      },
      (error: unknown) => {
        account.pending = null
        account.failures += 1
        account.retryAtMs = parts.clock.monotonicMs() + RETRY_MS
        account.lastError =
          error instanceof SallyportError
            ? error
            : new SallyportError('CREDENTIAL_UNAVAILABLE', `${ref.text} could not be read`, { cause: error })
        throw account.lastError
      },
    )
    account.pending = pending
    return pending
  }

  function keep(account: Account, lease: Lease): void {
    const now = parts.clock.monotonicMs()
    const lifeMs =
      lease.expiresAt === null ? Number.POSITIVE_INFINITY : Math.max(0, lease.expiresAt.getTime() - parts.clock.now().getTime())
    const jitter = 1 + ((parts.random ?? Math.random)() * 2 - 1) * JITTER
    account.lease = lease
    account.fetchedAtMs = now
    account.endsAtMs = now + lifeMs
    account.renewAtMs = now + lifeMs * RENEW_AT * jitter
    account.pending = null
    account.failures = 0
    account.retryAtMs = 0
    account.lastError = null
  }
}

function newAccount(): Account {
  return { lease: null, fetchedAtMs: 0, renewAtMs: 0, endsAtMs: 0, pending: null, failures: 0, retryAtMs: 0, lastError: null }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new SallyportError('CREDENTIAL_UNAVAILABLE', 'the client went away while a credential was fetched'))
    if (signal.aborted) {
      promise.catch(() => undefined)
      stop()
      return
    }
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
