// Patterns over what a container says, stream by stream. An archive must keep its length, so where something in it would have to be covered,
// it is not shown at all.
import { SallyportError } from '../../core/errors.ts'
import type { TextMask } from '../../core/masker.ts'
import { LineMask } from './line-mask.ts'

export class OutputMask {
  readonly #text: TextMask | null
  readonly #isArchive: boolean
  readonly #masks = new Map<string, LineMask>()

  /** @param text null = nothing is masked. @param isArchive `stdout` is one (kubectl cp). */
  constructor(text: TextMask | null, isArchive: boolean) {
    this.#text = text
    this.#isArchive = isArchive
  }

  /** True while a line waits for its end that may be shown before it: a prompt. */
  get hasHeld(): boolean {
    return [...this.#masks].some(([stream, mask]) => mask.hasHeld && !this.#isWhole(stream))
  }

  /** What may be shown now. @throws {SallyportError} MASK_UNPROVEN for an archive with something to cover in it. */
  push(stream: string, bytes: Buffer): Buffer {
    if (this.#text === null) return bytes
    let mask = this.#masks.get(stream)
    if (mask === undefined) {
      mask = new LineMask(this.#text)
      this.#masks.set(stream, mask)
    }
    return this.#checked(stream, mask, mask.push(bytes))
  }

  /** The rest of one stream, which has ended. */
  end(stream: string): Buffer {
    const mask = this.#masks.get(stream)
    return mask === undefined ? Buffer.alloc(0) : this.#checked(stream, mask, mask.flush())
  }

  /** What waits in all streams. @param isOver nothing more will come; else an archive goes on waiting. */
  flush(isOver: boolean): readonly (readonly [string, Buffer])[] {
    return [...this.#masks.keys()]
      .filter(stream => isOver || !this.#isWhole(stream))
      .map(stream => [stream, this.end(stream)] as const)
      .filter(([, bytes]) => bytes.length > 0)
  }

  found(): ReadonlyMap<string, number> {
    const all = new Map<string, number>()
    for (const mask of this.#masks.values()) for (const [rule, times] of mask.found) all.set(rule, (all.get(rule) ?? 0) + times)
    return all
  }

  #isWhole(stream: string): boolean {
    return this.#isArchive && stream === 'stdout'
  }

  #checked(stream: string, mask: LineMask, shown: Buffer): Buffer {
    if (!this.#isWhole(stream) || mask.found.size === 0) return shown
    throw new SallyportError('MASK_UNPROVEN', `a file holds what rule ${[...mask.found.keys()].join(', ')} hides`, {
      why: 'covering it would change its length and break the archive',
      fix: 'copy other files, or print this one: its text is then covered',
    })
  }
}
