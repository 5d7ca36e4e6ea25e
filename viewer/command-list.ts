// The list of commands as it stands in the page: what is shown of it, and which one is looked at. Draws nothing new.

export interface Filter {
  readonly text: string
  /** Decision to be shown, empty = all. */
  readonly outcome: string
  readonly session: string
}

export class CommandList {
  readonly #items: readonly HTMLElement[]
  readonly #lists: ReadonlySet<HTMLElement>
  readonly #texts: string[] = []
  #shown: readonly HTMLElement[]

  constructor(items: readonly HTMLElement[]) {
    this.#items = items
    this.#lists = new Set(items.flatMap(item => item.parentElement ?? []))
    this.#shown = items
  }

  get size(): number {
    return this.#items.length
  }

  /** Every word must be there. Returns how many are shown. */
  apply({ text, outcome, session }: Filter): number {
    const words = text
      .toLowerCase()
      .split(/\s+/)
      .filter(word => word !== '')
    this.#shown = this.#items.filter((item, index) => {
      const isOf = (outcome === '' || item.dataset['outcome'] === outcome) && (session === '' || item.dataset['session'] === session)
      const isShown = isOf && words.every(word => this.#textAt(index, item).includes(word))
      item.hidden = !isShown
      return isShown
    })
    // A list without a shown command would take part in the layout for nothing.
    const lists = new Set(this.#shown.map(item => item.parentElement))
    for (const list of this.#lists) list.hidden = !lists.has(list)
    return this.#shown.length
  }

  /** Moves the focus by so many shown commands. */
  move(by: number): void {
    const now = this.#shown.findIndex(item => item === document.activeElement || item.contains(document.activeElement))
    const next = this.#shown[now < 0 ? 0 : Math.min(this.#shown.length - 1, Math.max(0, now + by))]
    next?.focus()
    next?.scrollIntoView({ block: 'nearest' })
  }

  #textAt(index: number, item: HTMLElement): string {
    return (this.#texts[index] ??= (item.textContent ?? '').toLowerCase())
  }
}
