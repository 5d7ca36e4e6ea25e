// Brings a log to its sinks while it grows: pieces of whole lines, in order, until each has arrived. Never holds the log in memory:
// what waits is read from its file again. A sink that fails is tried again for as long as the run goes on.
import { hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import { SallyportError } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import type { Segment, Sink } from '../core/sink.ts'

export interface ShipperLimits {
  /** A piece is cut when it has as much. */
  readonly segmentBytes: number
  /** A piece is cut when its first line is as old. */
  readonly segmentMs: number
  /** A sink is behind when as much has not arrived, */
  readonly behindBytes: number
  /** or when something has not arrived for as long. */
  readonly behindMs: number
  readonly firstPauseMs: number
  readonly longestPauseMs: number
}

const shipperLimits: ShipperLimits = {
  segmentBytes: 512 * 1024,
  segmentMs: 5_000,
  behindBytes: 64 * 1024 * 1024,
  behindMs: 60_000,
  firstPauseMs: 500,
  longestPauseMs: 10_000,
}

export interface ShipperParts {
  /** `events.jsonl` of a running log. */
  readonly file: string
  readonly sinks: readonly Sink[]
  readonly clock: Clock
  /** `keys.age` of an encrypted log; null otherwise. */
  readonly keys: Buffer | null
  /** The checkpoint over what is on disk now. */
  readonly sign: () => string | null
  readonly limits?: Partial<ShipperLimits>
}

interface Piece {
  readonly from: number
  readonly to: number
  readonly offset: number
  readonly length: number
  readonly checkpoint: string
  readonly cutAtMs: number
}

interface Waiter {
  readonly arrived: () => void
  readonly failed: (failure: unknown) => void
  /** False: the next failure is the end of the wait. */
  readonly isPatient: boolean
}

/** What one sink still has to get. */
interface Road {
  readonly sink: Sink
  readonly waiting: Piece[]
  waitingBytes: number
  isBusy: boolean
  failure: unknown
  /** Ends a pause between two attempts. */
  hurry: AbortController
  /** Those who wait until it has everything. */
  waiters: Waiter[]
}

export class SegmentShipper {
  readonly #parts: ShipperParts
  readonly #limits: ShipperLimits
  readonly #roads: readonly Road[]
  readonly #closed = new AbortController()
  #lines = 0
  #bytes = 0
  #cutLines = 0
  #cutBytes = 0
  #isCutDue = false

  constructor(parts: ShipperParts) {
    this.#parts = parts
    this.#limits = { ...shipperLimits, ...parts.limits }
    this.#roads = parts.sinks
      .filter(sink => sink.shipSegment !== undefined)
      .map(sink => ({ sink, waiting: [], waitingBytes: 0, isBusy: false, failure: null, hurry: new AbortController(), waiters: [] }))
  }

  /** Lines are on disk: so many in all, with so many bytes. */
  wrote(lines: number, bytes: number): void {
    if (this.#roads.length === 0 || this.#closed.signal.aborted) return
    this.#lines = lines
    this.#bytes = bytes
    if (bytes - this.#cutBytes >= this.#limits.segmentBytes) this.#cut()
    else if (!this.#isCutDue) void this.#cutInTime()
  }

  /** Why no command may run: no sink keeps up. null = at least one has all but the last moments, or there is none to keep up. */
  get behind(): SallyportError | null {
    if (this.#roads.length === 0 || !this.#roads.every(road => this.#isBehind(road))) return null
    const names = this.#roads.map(({ sink }) => sink.name).join(', ')
    return new SallyportError('RECORDING_FAILED', `the recording does not get to ${names}`, {
      why: wordsOf(this.#roads[0]?.failure),
      fix: 'commands run again once it does',
    })
  }

  /**
   * Resolves when the sink has everything written so far.
   * @param isPatient false = a first failure is the answer. @throws what the sink said last, then or when the signal ends the wait.
   */
  async drained(sink: Sink, signal: AbortSignal, isPatient = true): Promise<void> {
    const road = this.#roads.find(candidate => candidate.sink === sink)
    if (road === undefined) return
    this.#cut()
    if (road.waiting.length === 0) return
    // Somebody waits for it now.
    road.hurry.abort()
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(road.failure instanceof Error ? road.failure : reasonOf(signal))
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
      road.waiters.push({
        arrived: () => {
          signal.removeEventListener('abort', stop)
          resolve()
        },
        failed: reject,
        isPatient,
      })
    })
  }

  close(): void {
    this.#closed.abort(new Error('the run is over'))
  }

  #isBehind({ waiting, waitingBytes }: Road): boolean {
    const [oldest] = waiting
    if (oldest === undefined) return false
    return waitingBytes > this.#limits.behindBytes || this.#parts.clock.monotonicMs() - oldest.cutAtMs > this.#limits.behindMs
  }

  #cut(): void {
    if (this.#bytes === this.#cutBytes) return
    const checkpoint = this.#parts.sign()
    if (checkpoint === null) return
    const piece: Piece = {
      from: this.#cutLines + 1,
      to: this.#lines,
      offset: this.#cutBytes,
      length: this.#bytes - this.#cutBytes,
      checkpoint,
      cutAtMs: this.#parts.clock.monotonicMs(),
    }
    this.#cutLines = this.#lines
    this.#cutBytes = this.#bytes
    for (const road of this.#roads) {
      road.waiting.push(piece)
      road.waitingBytes += piece.length
      if (!road.isBusy) void this.#drive(road)
    }
  }

  async #cutInTime(): Promise<void> {
    this.#isCutDue = true
    try {
      await this.#parts.clock.sleep(this.#limits.segmentMs, this.#closed.signal)
      this.#isCutDue = false
      this.#cut()
    } catch {
      // Closed; or the log cannot be signed any more, which the log itself says.
    }
  }

  async #drive(road: Road): Promise<void> {
    road.isBusy = true
    let pauseMs = this.#limits.firstPauseMs
    for (let piece = road.waiting[0]; piece !== undefined && !this.#closed.signal.aborted; piece = road.waiting[0]) {
      try {
        failpoint('ship.before-segment')
        await road.sink.shipSegment?.(await this.#read(piece), this.#closed.signal)
        failpoint('ship.segment-arrived')
        road.waiting.shift()
        road.waitingBytes -= piece.length
        road.failure = null
        pauseMs = this.#limits.firstPauseMs
      } catch (error) {
        road.failure = error
        for (const waiter of road.waiters) if (!waiter.isPatient) waiter.failed(error)
        road.waiters = road.waiters.filter(({ isPatient }) => isPatient)
        await this.#pause(road, pauseMs)
        pauseMs = Math.min(2 * pauseMs, this.#limits.longestPauseMs)
      }
    }
    road.isBusy = false
    if (road.waiting.length === 0) for (const { arrived } of road.waiters.splice(0)) arrived()
  }

  async #pause(road: Road, pauseMs: number): Promise<void> {
    try {
      await this.#parts.clock.sleep(pauseMs, AbortSignal.any([road.hurry.signal, this.#closed.signal]))
    } catch {
      // Somebody waits, or nobody does any more.
    }
    if (road.hurry.signal.aborted) road.hurry = new AbortController()
  }

  async #read({ from, to, offset, length, checkpoint }: Piece): Promise<Segment> {
    const handle = await open(this.#parts.file, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
      if (bytesRead !== length) throw new SallyportError('RECORDING_FAILED', 'the log became shorter while it was shipped')
      return {
        from,
        to,
        offset,
        bytes: buffer,
        sha256: hash('sha256', buffer, 'hex'),
        checkpoint,
        keys: from === 1 ? this.#parts.keys : null,
      }
    } finally {
      await handle.close()
    }
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}

function wordsOf(failure: unknown): string {
  if (!(failure instanceof SallyportError)) return 'it is slower than the run'
  return failure.why === null ? failure.message : `${failure.message}: ${failure.why}`
}
