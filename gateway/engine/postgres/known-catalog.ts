// The catalog of one target as one login sees it, shared by its sessions. Loaded over a connection of the gateway's own, never a client's.
import type { Catalog } from '../../command/sql/catalog.ts'

/** Loads a snapshot through `query`. `last` is one of before: what has not changed since need not be asked for again. */
export type CatalogLoader = (query: (sql: string) => Promise<(string | null)[][]>, epoch: number, last: Catalog | null) => Promise<Catalog>
/** Opens a connection of the gateway's own, runs the work and closes it. */
export type WithConnection = (work: (query: (sql: string) => Promise<(string | null)[][]>) => Promise<Catalog>) => Promise<Catalog>

/** Changes made behind the gateway's back are seen after this long at the latest. */
const MAX_AGE_MS = 30_000

export class KnownCatalog {
  /** Sessions that are open on it. */
  sessions = 0
  readonly #load: CatalogLoader
  #current: Catalog | null = null
  #loadedMs = 0
  #epoch = 0
  #renewing: Promise<Catalog> | null = null
  /** A renewal asked for while one runs: that one may have read before the change. */
  #next: Promise<Catalog> | null = null

  constructor(load: CatalogLoader) {
    this.#load = load
  }

  get current(): Catalog | null {
    return this.#current
  }

  /** A snapshot is being taken now. */
  get renewing(): Promise<Catalog> | null {
    return this.#renewing
  }

  get isOld(): boolean {
    return this.#current === null || performance.now() - this.#loadedMs > MAX_AGE_MS
  }

  nextEpoch(): number {
    this.#epoch += 1
    return this.#epoch
  }

  /** A snapshot taken after this call. */
  async renew(connect: WithConnection): Promise<Catalog> {
    if (this.#renewing === null) return this.#start(connect)
    this.#next ??= this.#renewing.then(
      () => this.#start(connect),
      () => this.#start(connect),
    )
    return this.#next
  }

  async #start(connect: WithConnection): Promise<Catalog> {
    this.#next = null
    const renewing = connect(query => this.#load(query, this.nextEpoch(), this.#current))
    this.#renewing = renewing
    try {
      const startedMs = performance.now()
      this.#current = await renewing
      this.#loadedMs = startedMs
      return this.#current
    } finally {
      if (this.#renewing === renewing) this.#renewing = null
    }
  }
}
