// Names that WITH gives to queries: where one is visible, it hides the relation of the same name.
import type { Tree } from './syntax-tree.ts'

export class CteScope {
  readonly #outer: CteScope | null
  readonly #queries = new Map<string, Tree | null>()

  constructor(outer: CteScope | null) {
    this.#outer = outer
  }

  inner(): CteScope {
    return new CteScope(this)
  }

  /** @param query what the name stands for; null where it is no query of its own. */
  add(name: string, query: Tree | null = null): void {
    this.#queries.set(name, query)
  }

  has(name: string): boolean {
    return this.#queries.has(name) || (this.#outer?.has(name) ?? false)
  }

  /** The query of this name; null when it has none. */
  query(name: string): Tree | null {
    return this.#queries.has(name) ? (this.#queries.get(name) ?? null) : (this.#outer?.query(name) ?? null)
  }
}
