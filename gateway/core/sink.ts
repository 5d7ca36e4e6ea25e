// Where a sealed recording goes when the run is over. Adapters implement it; a failure is loud, never passed over.

export interface Sink {
  /** `artifact`, `file:///var/audit`, … for logs; holds no secret. */
  readonly name: string
  /**
   * Ships the files of a sealed recording.
   * @param dir the recording's folder. @param files names below it, `/` between their parts.
   * @returns where people can look at it, null when there is no such page.
   * @throws {SallyportError} RECORDING_FAILED when it is not there whole.
   */
  ship(dir: string, files: readonly string[], signal: AbortSignal): Promise<{ readonly url: string | null }>
}
