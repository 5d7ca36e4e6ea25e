// The table of Kubernetes' figures: direct, kubectl proxy, nginx and the gateway, and at the end what fell short.
export const ways = ['direct', 'proxy', 'nginx', 'gateway'] as const
export type Way = (typeof ways)[number]

export class KubernetesTable {
  readonly #short: string[] = []

  begin(words: string): void {
    console.log(`### Kubernetes\n\n${words}\n`)
    console.log('| workload | direct | kubectl proxy | nginx | gateway | goal | |')
    console.log('|---|--:|--:|--:|--:|---|---|')
  }

  /** @param digits behind the point; a way that is not there has no figure. */
  row(
    name: string,
    figures: ReadonlyMap<Way, number>,
    digits: number,
    goal: { readonly words: string; readonly isMet: boolean } | null,
  ): void {
    const cells = ways.map(
      way => figures.get(way)?.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }) ?? '',
    )
    console.log(`| ${[name, ...cells, goal?.words ?? '', goal === null ? '' : goal.isMet ? 'met' : 'short'].join(' | ')} |`)
    if (goal?.isMet === false) this.#short.push(`${name}: goal ${goal.words}`)
  }

  end(): void {
    if (this.#short.length === 0) console.log('\nEvery goal was met in this run.\n')
    else console.log(`\nShort of its goal in this run:\n- ${this.#short.join('\n- ')}\n`)
  }
}
