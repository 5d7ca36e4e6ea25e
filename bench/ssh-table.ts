// The table of SSH's figures: direct as OpenSSH comes, direct with the gateway's cipher, and the gateway; at the end what fell short.
export interface Speeds {
  /** Megabytes a second. */
  readonly plain: number
  readonly same: number
  readonly gateway: number
  /** Microseconds of the gateway's processor time a megabyte. */
  readonly cost: number
  /** The goal: this part of direct with the same cipher. */
  readonly least: number
}

export class SshTable {
  readonly #short: string[] = []

  begin(words: string): void {
    console.log(`### SSH\n\n${words}\n`)
    console.log('| workload | direct | same cipher | gateway | of direct | of same | CPU | goal | |')
    console.log('|---|--:|--:|--:|--:|--:|--:|---|---|')
  }

  speed(name: string, { plain, same, gateway, cost, least }: Speeds): void {
    const cells = [plain.toFixed(0), same.toFixed(0), gateway.toFixed(0), (gateway / plain).toFixed(2), (gateway / same).toFixed(2)]
    this.#row(`${name}, MB/s`, [...cells, `${cost.toFixed(0)} us/MB`], `>= ${least} of same`, gateway / same >= least)
  }

  latency(name: string, [direct, gateway]: readonly [number, number], most: number): void {
    const added = gateway - direct
    this.#row(
      `${name} (adds ${added.toFixed(1)})`,
      ['', direct.toFixed(1), gateway.toFixed(1), '', '', ''],
      `adds <= ${most}`,
      added <= most,
    )
  }

  /** @param most null = only said. */
  memory(name: string, megabytes: number, most: number | null): void {
    const goal = most === null ? '' : `<= ${most}`
    this.#row(`memory: ${name}, MB`, ['', '', megabytes.toFixed(0), '', '', ''], goal, most === null ? null : megabytes <= most)
  }

  end(): void {
    if (this.#short.length === 0) console.log('\nEvery goal was met in this run.\n')
    else console.log(`\nShort of its goal in this run:\n- ${this.#short.join('\n- ')}\n`)
  }

  #row(name: string, cells: readonly string[], goal: string, isMet: boolean | null): void {
    console.log(`| ${[name, ...cells, goal, isMet === null ? '' : isMet ? 'met' : 'short'].join(' | ')} |`)
    if (isMet === false) this.#short.push(`${name}: goal ${goal}`)
  }
}
