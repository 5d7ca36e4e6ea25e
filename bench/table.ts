// The table that the benchmark prints: a row as soon as it is measured, and at the end what fell short of its goal.
export type Way = 'direct' | 'pgbouncer' | 'gateway'

export interface Figure {
  /** Transactions or megabytes a second. */
  readonly speed: number
  /** Microseconds of processor time of the process in between, for one transaction or megabyte; NaN for the direct way. */
  readonly cost: number
}

export type Figures = ReadonlyMap<Way, Figure>

export class BenchTable {
  readonly #hasBouncer: boolean
  readonly #short: string[] = []
  #isOpen = false

  constructor(hasBouncer: boolean) {
    this.#hasBouncer = hasBouncer
  }

  begin(title: string, words: string): void {
    console.log(`### ${title}\n\n${words}\n`)
    console.log('| workload | direct | pgbouncer | gateway | of direct | of pgbouncer | CPU | goal | |')
    console.log('|---|--:|--:|--:|--:|--:|--:|---|---|')
    this.#isOpen = true
  }

  /** Milliseconds of one transaction at one client, from transactions a second. */
  latency(name: string, figures: Figures, maxAdded: number | null): void {
    const ms = (way: Way): number => 1000 / speedOf(figures, way)
    const added = ms('gateway') - ms('direct')
    this.#row(
      `${name} (adds ${added.toFixed(3)})`,
      [ms('direct').toFixed(3), shown(ms('pgbouncer'), 3), ms('gateway').toFixed(3), '', ''],
      costs(figures, 'us/txn'),
      maxAdded === null ? null : { words: `adds <= ${maxAdded}`, isMet: added <= maxAdded },
    )
  }

  /** @param least the goal: this part of what pgbouncer reaches. */
  ratio(name: string, figures: Figures, unit: string, least: number | null): void {
    const part = speedOf(figures, 'gateway') / speedOf(figures, 'pgbouncer')
    const goal = least === null || !this.#hasBouncer ? null : { words: `>= ${least} of pgbouncer`, isMet: part >= least }
    this.#row(name, this.#speeds(figures), costs(figures, unit), goal)
  }

  /** @param least the goal, in the unit of the speed itself. */
  atLeast(name: string, figures: Figures, unit: string, least: number): void {
    const goal = { words: `>= ${least}`, isMet: speedOf(figures, 'gateway') >= least }
    this.#row(name, this.#speeds(figures), costs(figures, unit), goal)
  }

  /** One figure of the gateway alone. */
  limit(name: string, figure: number, most: number): void {
    this.#row(name, ['', '', shown(figure, 1), '', ''], '', { words: `<= ${most}`, isMet: figure <= most })
  }

  /** Says what fell short. */
  end(): void {
    if (!this.#isOpen) return
    console.log(
      this.#short.length === 0
        ? '\nEvery goal was met in this run.\n'
        : `\nShort of its goal in this run:\n- ${this.#short.join('\n- ')}\n`,
    )
  }

  #speeds(figures: Figures): readonly string[] {
    const gateway = speedOf(figures, 'gateway')
    const part = (way: Way): string => shown(gateway / speedOf(figures, way), 2)
    const speeds = (['direct', 'pgbouncer', 'gateway'] as const).map(way => shown(speedOf(figures, way), 0))
    return [...speeds, part('direct'), part('pgbouncer')]
  }

  #row(name: string, cells: readonly string[], cpu: string, goal: { readonly words: string; readonly isMet: boolean } | null): void {
    console.log(`| ${[name, ...cells, cpu, goal?.words ?? '', goal === null ? '' : goal.isMet ? 'met' : 'short'].join(' | ')} |`)
    if (goal?.isMet === false) this.#short.push(`${name}: ${cells.filter(cell => cell !== '').join(', ')}; goal ${goal.words}`)
  }
}

function speedOf(figures: Figures, way: Way): number {
  return figures.get(way)?.speed ?? Number.NaN
}

function costs(figures: Figures, unit: string): string {
  const cost = (way: Way): string => shown(figures.get(way)?.cost ?? Number.NaN, 0)
  return `${cost('pgbouncer')} / ${cost('gateway')} ${unit}`
}

function shown(figure: number, digits: number): string {
  if (Number.isNaN(figure)) return '-'
  return figure.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
