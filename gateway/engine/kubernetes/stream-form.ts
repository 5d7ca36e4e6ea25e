// A switched connection in one of its forms: bytes of either side in, bytes for the other side out, looked at on the way.
import type { OutputMask } from './output-mask.ts'
import type { StreamRecord } from './stream-record.ts'

export interface StreamForm {
  /** What goes to the target. @throws {RangeError} for bytes that are not of the protocol. */
  fromClient(chunk: Buffer): readonly Buffer[]
  /** What goes to the client. @throws {RangeError} for bytes that are not of the protocol. */
  fromTarget(chunk: Buffer): readonly Buffer[]
  /** Output that waits for the end of its line. @param isOver nothing more will come. */
  flush(isOver: boolean): readonly Buffer[]
  /** The last words to a client whose stream is ended here. */
  refuse(message: string): readonly Buffer[]
}

/** Where a form hands over what it sees. */
export interface StreamSinks {
  readonly mask: OutputMask
  readonly record: StreamRecord
}
