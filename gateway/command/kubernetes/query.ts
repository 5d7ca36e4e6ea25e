// The query of a Kubernetes request, read as the API server reads it (Go's url.ParseQuery): the first of a repeated parameter wins.
// What two readers could take apart differently is refused.

export class Query {
  readonly #values: ReadonlyMap<string, readonly string[]>

  private constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values
  }

  /** @returns null when the text is not one thing to every reader: a bad escape, a semicolon, bytes that are no UTF-8. */
  static read(text: string): Query | null {
    const values = new Map<string, string[]>()
    for (const pair of text.split('&')) {
      if (pair === '') continue
      if (pair.includes(';')) return null
      const split = pair.indexOf('=')
      const name = decode(split === -1 ? pair : pair.slice(0, split))
      const value = decode(split === -1 ? '' : pair.slice(split + 1))
      if (name === null || value === null) return null
      const known = values.get(name)
      if (known === undefined) values.set(name, [value])
      else known.push(value)
    }
    return new Query(values)
  }

  /** The first value of a parameter, null when it is absent. */
  first(name: string): string | null {
    return this.#values.get(name)?.[0] ?? null
  }

  /** Every value of a parameter, in order. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /**
   * A boolean option as the server decodes it: absent, `0` and `false` are no; everything else, the empty text too, is yes. Letters are
   * compared as Go folds them: an old long s is an s.
   * @see Kubernetes apimachinery, Convert_Slice_string_To_bool
   */
  isOn(name: string): boolean {
    const value = this.first(name)
    return value !== null && value !== '0' && value.toLowerCase().replaceAll('\u017f', 's') !== 'false'
  }
}

/** True of an `int64` as Go reads one. */
export function isInteger(text: string): boolean {
  if (!/^[+-]?\d{1,1000}$/.test(text)) return false
  const value = BigInt(text.replace('+', ''))
  return value >= -(2n ** 63n) && value < 2n ** 63n
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}
