// The messages of the client since its last Sync that were not sent yet, and what they will be answered with. Nothing of them leaves
// before everything they run is admitted; what is refused is cut out again, with every name it would have defined.
import type { Answer } from './answers.ts'
import type { AnswerQueue } from './answers.ts'
import type { Names, Portal } from './names.ts'
import { Outbox } from './outbox.ts'
import type { OutboxMark } from './outbox.ts'
import type { StatementRun } from './statement-run.ts'
import { writeDescribe } from '../../wire/postgres/frontend-writer.ts'

export interface BatchMark {
  readonly outbox: OutboxMark
  readonly answers: number
}

export class Batch {
  readonly #outbox = new Outbox()
  #answers: Answer[] = []
  /** Portals that were bound in this batch and not admitted yet, with the place their statement begins at. */
  readonly #unjudged = new Map<Portal, BatchMark>()
  /** Where the Parse of a statement stands in this batch. */
  readonly #parsed = new Map<unknown, BatchMark>()

  get isEmpty(): boolean {
    return this.#outbox.bytes === 0
  }

  get bytes(): number {
    return this.#outbox.bytes
  }

  get unjudged(): IterableIterator<Portal> {
    return this.#unjudged.keys()
  }

  put(answer: Answer | null, bytes: Buffer, start = 0, end = bytes.length): void {
    if (answer?.kind === 'parse') this.#parsed.set(answer.prepared, this.mark())
    if (answer?.kind === 'bind') {
      this.#unjudged.set(answer.portal, this.#parsed.get(answer.portal.prepared) ?? this.mark())
    }
    if (answer !== null) this.#answers.push(answer)
    this.#outbox.put(bytes, start, end)
  }

  /** Rows that may be masked are never read without knowing their columns. */
  describeOnce(portal: Portal | null, name: string, run: StatementRun): void {
    if (run.mask === null || run.isDescribed) return
    run.isDescribed = true
    this.put({ kind: 'describe', of: portal, run, isOurs: true }, writeDescribe('portal', name))
  }

  mark(): BatchMark {
    return { outbox: this.#outbox.mark(), answers: this.#answers.length }
  }

  /** Before its first message. */
  get start(): BatchMark {
    return { outbox: { runs: 0, lastEnd: 0, bytes: 0 }, answers: 0 }
  }

  /** Where the messages of this portal's statement begin; the end where none of them is in this batch. */
  beginOf(portal: Portal): BatchMark {
    return this.#unjudged.get(portal) ?? this.mark()
  }

  judged(portal: Portal): void {
    this.#unjudged.delete(portal)
  }

  /** Takes back everything from the mark on; returns the commands among it that were admitted and will not run. */
  cut(mark: BatchMark, names: Names): readonly Answer[] {
    this.#outbox.cut(mark.outbox)
    const taken = this.#answers.splice(mark.answers)
    takeBack(taken, names)
    this.#unjudged.clear()
    return taken
  }

  /** Everything as it would be sent now: what an approval is bound to. */
  copy(): Buffer {
    return this.#outbox.copy()
  }

  /** The same with the message that is being judged. */
  copyWith(bytes: Buffer, start: number, end: number): Buffer {
    return Buffer.concat([this.#outbox.copy(), bytes.subarray(start, end)])
  }

  /** Sends everything: bytes to the outbox, answers to the queue. */
  release(outbox: Outbox, answers: AnswerQueue): void {
    for (const answer of this.#answers) answers.push(answer)
    this.#answers = []
    this.#outbox.moveTo(outbox)
    this.#unjudged.clear()
    this.#parsed.clear()
  }
}

/** Undoes what messages did to names when the target never took them. @param answers oldest first. */
export function takeBack(answers: readonly Answer[], names: Names): void {
  for (const answer of answers.toReversed()) {
    if (answer.kind === 'parse') names.restore(answer.prepared, answer.previous)
    else if (answer.kind === 'bind') names.restorePortal(answer.portal, answer.previous)
  }
}
