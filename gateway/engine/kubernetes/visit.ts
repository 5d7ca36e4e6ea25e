// One connection of a client: its session once it proved the ticket, and the end of everything it waits for when it goes away.
import type { TLSSocket } from 'node:tls'
import type { FrontDesk, Session } from '../../core/session.ts'
import { ClientHeaders } from './client-headers.ts'
import { KnownRequests } from './known-requests.ts'
import type { RecentRefusals } from './recent-refusals.ts'
import type { KubernetesTarget } from './target.ts'

export class Visit {
  readonly desk: FrontDesk
  readonly target: KubernetesTarget
  readonly socket: TLSSocket
  readonly refusals: RecentRefusals
  /** Aborted when the client is gone or the gateway ends. */
  readonly gone: AbortSignal
  readonly headers = new ClientHeaders()
  readonly known = new KnownRequests()
  #session: Session | null = null
  #proof: string | null = null

  constructor(desk: FrontDesk, target: KubernetesTarget, socket: TLSSocket, refusals: RecentRefusals, gone: AbortSignal) {
    this.desk = desk
    this.target = target
    this.socket = socket
    this.refusals = refusals
    this.gone = gone
  }

  get isOpen(): boolean {
    return this.#session !== null
  }

  /** True for the words that `keepProof` got: they hold the ticket, and came over this connection before. */
  hasProven(proof: string): boolean {
    return this.#proof !== null && this.#proof === proof
  }

  keepProof(proof: string): void {
    this.#proof = proof
  }

  /** The session of this connection; opened by its first request with a ticket. @param application what the client calls itself. */
  session(application: string): Session {
    this.#session ??= this.desk.checkIn({ application, login: this.desk.connection.user ?? 'the credential of the connection' })
    return this.#session
  }

  close(reason: string): void {
    this.#session?.checkOut(reason)
  }
}
