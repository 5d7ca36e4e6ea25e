// Names that WITH gives to queries: where one is visible, it hides the relation of the same name.

export class CteScope {
  readonly #outer: CteScope | null
  readonly #names = new Set<string>()

  constructor(outer: CteScope | null) {
    this.#outer = outer
  }

  add(name: string): void {
    this.#names.add(name)
  }

  has(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.has(name) ?? false)
  }
}
