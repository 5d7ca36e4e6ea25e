// Requests without a body that came before on this connection, as they were read and shown: clients ask the same again and again, and the
// gate knows the very same command again. Holds what depends on nothing but the request line and the masks of the session.
import type { KubernetesReading } from '../../command/kubernetes/kubernetes-command.ts'
import type { KubernetesCommand } from '../../core/command.ts'

export interface KnownRequest {
  readonly wish: Extract<KubernetesReading, { kind: 'command' }>
  /** As people may read it. */
  readonly command: KubernetesCommand
}

const MAX_KNOWN = 64
const MAX_TARGET_CHARACTERS = 1_024

export class KnownRequests {
  readonly #known = new Map<string, KnownRequest>()

  of(method: string, target: string): KnownRequest | null {
    return this.#known.get(`${method} ${target}`) ?? null
  }

  keep(method: string, target: string, known: KnownRequest): void {
    if (target.length > MAX_TARGET_CHARACTERS) return
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(`${method} ${target}`, known)
  }
}
