// The commands of the page. All are known, those that are looked at are in the document: a list of pages, built as they come near.

export interface Filter {
  readonly text: string
  /** Empty = all, for each of these. */
  readonly outcome: string
  readonly connection: string
  readonly rule: string
  readonly session: string
}

interface Item {
  readonly id: string
  readonly outcome: string
  readonly connection: string
  readonly rule: string
  readonly session: string
  /** As the page was written: every text in it is escaped. */
  readonly html: string
  /** In lower case, made when it is searched for the first time. */
  text: string | null
}

const PAGE_LENGTH = 50
/** How high a command is before it was ever seen. */
const GUESSED_PX = 120
/** How far before it comes into sight a page is built. */
const AHEAD = '1200px'
const HEAD = /^<li id="(c\d+)" tabindex="-1" data-outcome="([^"]*)" data-session="([^"]*)" data-connection="([^"]*)" data-rule="([^"]*)">/
const entities: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" }

export class CommandList {
  readonly #host: HTMLElement
  readonly #items: readonly Item[]
  readonly #onBuilt: (page: HTMLElement) => void
  readonly #observer: IntersectionObserver
  #shown: readonly Item[]
  #pages: HTMLElement[] = []

  /** @param onBuilt gets each page when it comes into the document, again and again. */
  constructor(host: HTMLElement, onBuilt: (page: HTMLElement) => void) {
    this.#host = host
    this.#onBuilt = onBuilt
    this.#items = itemsIn(host)
    this.#shown = this.#items
    this.#observer = new IntersectionObserver(
      entries => {
        for (const { target, isIntersecting } of entries) if (target instanceof HTMLElement) this.#turn(target, isIntersecting)
      },
      { rootMargin: AHEAD },
    )
    this.#layOut()
  }

  get size(): number {
    return this.#items.length
  }

  /** Every word must be there. Returns how many are shown. */
  apply({ text, outcome, connection, rule, session }: Filter): number {
    const words = text
      .toLowerCase()
      .split(/\s+/)
      .filter(word => word !== '')
    this.#shown = this.#items.filter(
      item =>
        (outcome === '' || item.outcome === outcome) &&
        (connection === '' || item.connection === connection) &&
        (rule === '' || item.rule === rule) &&
        (session === '' || item.session === session) &&
        words.every(word => textOf(item).includes(word)),
    )
    this.#layOut()
    return this.#shown.length
  }

  /** Moves the focus by so many shown commands. */
  move(by: number): void {
    const now = document.activeElement?.closest('#commands li')?.id
    const at = now === undefined ? -1 : this.#shown.findIndex(({ id }) => id === now)
    this.#reveal(at < 0 ? 0 : Math.min(this.#shown.length - 1, Math.max(0, at + by)), 'nearest')
  }

  /** Goes to a command by its id. Returns its element; null when it is not shown. */
  goTo(id: string): HTMLElement | null {
    const at = this.#shown.findIndex(item => item.id === id)
    return at < 0 ? null : this.#reveal(at, 'start')
  }

  #layOut(): void {
    this.#observer.disconnect()
    const count = Math.ceil(this.#shown.length / PAGE_LENGTH)
    this.#pages = Array.from({ length: count }, (_, at) => {
      const page = document.createElement('ol')
      page.dataset['page'] = String(at)
      page.style.minHeight = `${Math.min(PAGE_LENGTH, this.#shown.length - at * PAGE_LENGTH) * GUESSED_PX}px`
      return page
    })
    this.#host.replaceChildren(...this.#pages)
    for (const page of this.#pages) this.#observer.observe(page)
    // What is in sight is there at once, not a moment later.
    const [first] = this.#pages
    if (first !== undefined) this.#build(first)
  }

  #turn(page: HTMLElement, isNear: boolean): void {
    if (isNear) this.#build(page)
    else this.#clear(page)
  }

  #build(page: HTMLElement): void {
    if (page.childElementCount > 0) return
    const at = Number(page.dataset['page']) * PAGE_LENGTH
    // The page's own text, written and escaped by whoever wrote the page.
    page.innerHTML = this.#shown
      .slice(at, at + PAGE_LENGTH)
      .map(({ html }) => html)
      .join('')
    page.style.minHeight = ''
    this.#onBuilt(page)
  }

  /** Keeps its height, so that nothing moves. What is played or has the focus stays. */
  #clear(page: HTMLElement): void {
    if (page.childElementCount === 0 || page.contains(document.activeElement) || page.querySelector('.player') !== null) return
    page.style.minHeight = `${page.offsetHeight}px`
    page.replaceChildren()
  }

  #reveal(at: number, block: 'nearest' | 'start'): HTMLElement | null {
    const page = this.#pages[Math.floor(at / PAGE_LENGTH)]
    if (page === undefined) return null
    this.#build(page)
    const item = page.children[at % PAGE_LENGTH]
    if (!(item instanceof HTMLElement)) return null
    item.focus({ preventScroll: true })
    item.scrollIntoView({ block })
    return item
  }
}

/** Those that stand in the document, and those that are kept for readers without scripts. */
function itemsIn(host: HTMLElement): readonly Item[] {
  const items: Item[] = []
  for (const child of host.children) {
    const list = child.tagName === 'NOSCRIPT' ? (child.textContent ?? '') : child.outerHTML
    for (const html of list.split(/\n(?=<li |<\/ol>)/).slice(1)) {
      const head = HEAD.exec(html)
      if (head === null) continue
      const [, id = '', outcome = '', session = '', connection = '', rule = ''] = head
      items.push({ id, outcome, session: plain(session), connection: plain(connection), rule: plain(rule), html, text: null })
    }
  }
  return items
}

function textOf(item: Item): string {
  return (item.text ??= plain(item.html.replaceAll(/<[^>]*>/g, ' ')).toLowerCase())
}

function plain(escaped: string): string {
  return escaped.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, entity => entities[entity] ?? '')
}
