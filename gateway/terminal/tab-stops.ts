// Where the tab key goes: every eighth column, until a program sets its own.

const EVERY = 8
/** No screen is wider. */
const MAX_COLUMNS = 1000

export class TabStops {
  /** null = as they are at the start. */
  #own: Set<number> | null

  constructor(own: ReadonlySet<number> | null = null) {
    this.#own = own === null ? null : new Set(own)
  }

  clone(): TabStops {
    return new TabStops(this.#own)
  }

  /** The first after this column; the last column where there is none. */
  after(x: number, columns: number): number {
    for (let at = x + 1; at < columns; at += 1) if (this.#isStop(at)) return at
    return columns - 1
  }

  /** The last before this column; the first column where there is none. */
  before(x: number): number {
    for (let at = x - 1; at > 0; at -= 1) if (this.#isStop(at)) return at
    return 0
  }

  set(x: number): void {
    this.#all().add(x)
  }

  clear(x: number): void {
    this.#all().delete(x)
  }

  clearAll(): void {
    this.#own = new Set()
  }

  #isStop(x: number): boolean {
    return this.#own === null ? x % EVERY === 0 : this.#own.has(x)
  }

  #all(): Set<number> {
    this.#own ??= new Set(Array.from({ length: MAX_COLUMNS / EVERY }, (_, index) => index * EVERY))
    return this.#own
  }
}
