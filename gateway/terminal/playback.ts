// Where a terminal session stands at any moment. Going back starts from a copy that was kept on the way. Pure: whoever plays has the clock.
import { resizeOf } from './cast.ts'
import type { Cast } from './cast.ts'
import { Emulator } from './emulator.ts'

/** Characters of output between two copies. */
const COPY_EVERY = 256 * 1024
const MAX_COPIES = 64

interface Copy {
  /** Events that are in it. */
  readonly count: number
  readonly emulator: Emulator
}

export class Playback {
  readonly #cast: Cast
  /** When each event comes, pauses cut. */
  readonly #times: number[] = []
  readonly #copies: Copy[] = []
  #emulator: Emulator
  #count = 0
  #sinceCopy = 0

  /** @param idleLimit seconds that a pause takes at most; null = as long as it took. */
  constructor(cast: Cast, idleLimit: number | null) {
    this.#cast = cast
    this.#emulator = new Emulator(cast.size)
    this.#copies.push({ count: 0, emulator: this.#emulator.clone() })
    let now = 0
    let before = 0
    for (const { seconds } of cast.events) {
      now += Math.min(seconds - before, idleLimit ?? Number.POSITIVE_INFINITY)
      before = seconds
      this.#times.push(now)
    }
  }

  /** Seconds. */
  get duration(): number {
    return this.#times.at(-1) ?? 0
  }

  get screen(): Emulator['screen'] {
    return this.#emulator.screen
  }

  /** When an event comes. */
  timeOf(event: number): number {
    return this.#times[event] ?? this.duration
  }

  /** When the next event after this moment comes; null at the end. */
  nextAfter(seconds: number): number | null {
    return this.#times[this.#countAt(seconds)] ?? null
  }

  /** What was at this moment of the recording with another limit for pauses: the same event. */
  sameMoment(other: Playback, seconds: number): number {
    return other.timeOf(Math.max(0, this.#countAt(seconds) - 1))
  }

  /** Shows the screen as it was at this moment, everything that came then included. */
  seek(seconds: number): void {
    const wanted = this.#countAt(seconds)
    const copy = this.#copies.findLast(({ count }) => count <= wanted)
    if (copy !== undefined && (wanted < this.#count || copy.count > this.#count)) {
      this.#emulator = copy.emulator.clone()
      this.#count = copy.count
      this.#sinceCopy = 0
    }
    while (this.#count < wanted) this.#step()
  }

  #step(): void {
    const event = this.#cast.events[this.#count]
    this.#count += 1
    if (event === undefined) return
    const resized = resizeOf(event)
    if (resized !== null) this.#emulator.resize(resized)
    else if (event.kind === 'o') this.#emulator.write(event.text)
    this.#sinceCopy += event.text.length
    const isNew = this.#count > (this.#copies.at(-1)?.count ?? 0)
    if (!isNew || this.#sinceCopy < COPY_EVERY || this.#copies.length >= MAX_COPIES) return
    this.#copies.push({ count: this.#count, emulator: this.#emulator.clone() })
    this.#sinceCopy = 0
  }

  /** How many events have come by then. */
  #countAt(seconds: number): number {
    let low = 0
    let high = this.#times.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#times[middle] ?? 0) <= seconds) low = middle + 1
      else high = middle
    }
    return low
  }
}
