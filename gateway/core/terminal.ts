// The recording of one terminal: what its client saw, what it typed, how large it was. record/ implements it.

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface TerminalRecording {
  /**
   * Bytes on their way to the client, as it sees them (masked). On disk with the next command or within 50 ms.
   * Returns false when more than a limit is queued: stop reading the target and await `drained`.
   * @throws {SallyportError} RECORDING_FAILED: do not pass the bytes on, the session must end.
   */
  output(bytes: Buffer): boolean
  /**
   * Bytes on their way to the target: they, and all output before them, are on disk when this returns. Of a recording that is
   * sealed to auditors up to 64 KiB wait in memory: age seals no less.
   * @throws {SallyportError} RECORDING_FAILED: do not pass the bytes on, the session must end.
   */
  input(bytes: Buffer): boolean
  /** A size that no terminal has is recorded as the nearest that one can have. @throws {SallyportError} RECORDING_FAILED. */
  resize(columns: number, rows: number): void
  /** Records the end, with the digest of the whole. Idempotent; never throws, a failure is the log's. */
  close(): void
}
