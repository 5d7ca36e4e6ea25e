// Where a recording goes, while the run goes on and when it is over. Adapters implement it; a failure is loud, never passed over.

export interface Shipped {
  /** Where people can get the recording; null when there is no such page. */
  readonly url: string | null
  /** Where people can look at `replay.html` at once; null when there is no such page. */
  readonly pageUrl: string | null
}

/** A piece of the log: whole lines, and a signed note over everything up to its end. */
export interface Segment {
  /** Numbers of its first and last line, from 1. */
  readonly from: number
  readonly to: number
  /** Where it starts in `events.jsonl`. */
  readonly offset: number
  readonly bytes: Buffer
  /** Hex. */
  readonly sha256: string
  /** The checkpoint over lines 1 to `to`. */
  readonly checkpoint: string
  /** `keys.age`, with the first segment of an encrypted log; null otherwise. */
  readonly keys: Buffer | null
}

export interface Sink {
  /** `artifact`, `file:///var/audit`, … for logs; holds no secret. */
  readonly name: string
  /**
   * Ships the files of a recording. Shipping the same recording again is harmless.
   * @param dir the recording's folder. @param files names below it, `/` between their parts.
   * @throws {SallyportError} RECORDING_FAILED when it is not there whole; the signal's reason when aborted.
   */
  ship(dir: string, files: readonly string[], signal: AbortSignal): Promise<Shipped>
  /**
   * Ships one piece while the run goes on; a sink without it takes finished recordings only.
   * Called one at a time, in order, and with the same piece again when it failed.
   * @throws {SallyportError} RECORDING_FAILED when it may not have arrived; the signal's reason when aborted.
   */
  shipSegment?(segment: Segment, signal: AbortSignal): Promise<void>
}
