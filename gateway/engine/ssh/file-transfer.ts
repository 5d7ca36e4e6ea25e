// What went through one open file: how much, and its SHA-256 as long as the bytes come in order from the start.
import { createHash } from 'node:crypto'

export class FileTransfer {
  readonly command: number
  readonly path: string
  readonly operation: string
  bytes = 0
  #hash: ReturnType<typeof createHash> | null = createHash('sha256')
  #next = 0n

  constructor(command: number, path: string, operation: string) {
    this.command = command
    this.path = path
    this.operation = operation
  }

  /** Where the next bytes belong. */
  at(offset: bigint): void {
    if (offset !== this.#next) this.#hash = null
  }

  /** Its content is changed by other ways than these bytes. */
  spoil(): void {
    this.#hash = null
  }

  take(bytes: Buffer): void {
    this.bytes += bytes.length
    if (this.#hash === null) return
    this.#hash.update(bytes)
    this.#next += BigInt(bytes.length)
  }

  /** null when parts came out of order, or not through here: then the digest would be of something nobody has. */
  digest(): string | null {
    const digest = this.#hash === null ? null : `sha256:${this.#hash.digest('hex')}`
    this.#hash = null
    return digest
  }
}
