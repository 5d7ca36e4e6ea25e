// Where a sealed recording goes when the run is over. Adapters implement it; a failure is loud, never passed over.

export interface Shipped {
  /** Where people can get the recording; null when there is no such page. */
  readonly url: string | null
  /** Where people can look at `replay.html` at once; null when there is no such page. */
  readonly pageUrl: string | null
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
}
