// Random numbers that come again: the same seed and number of input give the same input, on every machine.

export class Random {
  #state: number

  constructor(seed: number, input: number) {
    this.#state = (Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(input + 1, 0xc2b2_ae35)) >>> 0
    for (let turn = 0; turn < 4; turn++) this.next()
  }

  /** In [0, 2^32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** In [0, below). */
  below(below: number): number {
    return below <= 0 ? 0 : this.next() % below
  }

  /** True once in so many times. */
  once(inSoMany: number): boolean {
    return this.below(inSoMany) === 0
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}
