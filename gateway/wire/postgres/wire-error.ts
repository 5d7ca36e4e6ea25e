// The one thing the codec throws: what a peer sent is not the protocol. Never carries the bytes themselves.

export class WireError extends Error {
  /** Offset of the first bad byte inside the message, header included. */
  readonly offset: number
  /** SQLSTATE the peer is told: 08P01 for a violation, 54000 for something too large. */
  readonly sqlState: '08P01' | '54000'

  constructor(message: string, offset = 0, sqlState: '08P01' | '54000' = '08P01') {
    super(message)
    this.name = 'WireError'
    this.offset = offset
    this.sqlState = sqlState
  }
}
