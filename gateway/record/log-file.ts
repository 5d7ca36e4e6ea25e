// The file of a log: appended with one write, cut back when a write failed half-way, with a reserve for its last words.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { RESERVE_FILE } from './layout.ts'
import { failpoint } from '../core/failpoint.ts'

/** The calls of node:fs that a log needs; a test replaces them to let the disk fail. */
export type Disk = Pick<
  typeof fs,
  | 'openSync'
  | 'writeSync'
  | 'fdatasync'
  | 'fdatasyncSync'
  | 'fsyncSync'
  | 'ftruncateSync'
  | 'closeSync'
  | 'renameSync'
  | 'rmSync'
  | 'mkdirSync'
  | 'readFileSync'
  | 'readdirSync'
>

/** Owner only: a recording holds what the clients saw. */
const FILE_MODE = 0o600
/** A sync goes on in the background whenever as much has come since the last, so that the one at the end has little left to write. */
const BACKGROUND_BYTES = 64 * 1024 * 1024

export class LogFile {
  readonly #disk: Disk
  readonly #fd: number
  /** Of all that was appended, so that a long log need not be read again to be sealed. */
  readonly #digest = createHash('sha256')
  #size = 0
  #syncedSize = 0
  #isSyncing = false
  #isClosed = false
  /** Of a sync in the background: the system tells it once, and whoever writes next must know. */
  #failure: Error | null = null

  /** @throws when the file exists: a recording is never written over. */
  constructor(disk: Disk, file: string) {
    this.#disk = disk
    this.#fd = disk.openSync(file, 'ax', FILE_MODE)
  }

  /** Bytes that are whole lines. */
  get size(): number {
    return this.#size
  }

  /** Appends with one write. A write that is short is a failure; what it left is cut off by `cutBack`. */
  append(bytes: Buffer, offset: number, length: number): void {
    this.#throwFailure()
    failpoint('log.before-write')
    failpoint('log.mid-line', () => this.#disk.writeSync(this.#fd, bytes, offset, length >> 1))
    const written = this.#disk.writeSync(this.#fd, bytes, offset, length)
    failpoint('log.written')
    if (written !== length) throw new Error(`short write: ${written} of ${length} bytes`)
    this.#size += length
    this.#digest.update(bytes.subarray(offset, offset + length))
    if (this.#size - this.#syncedSize >= BACKGROUND_BYTES && !this.#isSyncing) this.#syncInBackground()
  }

  /** SHA-256 of the whole lines, hex. */
  get sha256(): string {
    return this.#digest.copy().digest('hex')
  }

  cutBack(): void {
    this.#disk.ftruncateSync(this.#fd, this.#size)
  }

  sync(): void {
    this.#throwFailure()
    failpoint('log.before-sync')
    this.#disk.fdatasyncSync(this.#fd)
    failpoint('log.synced')
  }

  close(): void {
    this.#isClosed = true
    this.#disk.closeSync(this.#fd)
  }

  /** Once: whoever hears it remembers it, and may still say why the log ends. */
  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) throw failure
  }

  #syncInBackground(): void {
    this.#isSyncing = true
    this.#syncedSize = this.#size
    this.#disk.fdatasync(this.#fd, error => {
      this.#isSyncing = false
      if (error !== null && !this.#isClosed) this.#failure = error
    })
  }
}

/** Blocks and a file descriptor that are kept back, and given up when the disk is full or no more files may be opened. */
export class Reserve {
  readonly #disk: Disk
  readonly #file: string
  #fd: number | null

  constructor(disk: Disk, dir: string, bytes: number) {
    this.#disk = disk
    this.#file = path.join(dir, RESERVE_FILE)
    this.#fd = disk.openSync(this.#file, 'wx', FILE_MODE)
    disk.writeSync(this.#fd, Buffer.alloc(bytes, 'reserve '), 0, bytes)
  }

  release(): void {
    if (this.#fd === null) return
    const fd = this.#fd
    this.#fd = null
    this.#disk.closeSync(fd)
    this.#disk.rmSync(this.#file, { force: true })
  }
}

/** Puts a file in place as a whole: after a crash there is the old one or the new one. */
export function replaceFile(disk: Disk, file: string, content: string | Buffer, isSynced: boolean): void {
  const draft = `${file}.tmp`
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content
  const fd = disk.openSync(draft, 'w', FILE_MODE)
  try {
    const written = disk.writeSync(fd, bytes, 0, bytes.length)
    if (written !== bytes.length) throw new Error(`short write: ${written} of ${bytes.length} bytes`)
    if (isSynced) disk.fdatasyncSync(fd)
  } finally {
    disk.closeSync(fd)
  }
  failpoint('file.before-rename')
  disk.renameSync(draft, file)
}

/** Makes names in a folder durable. */
export function syncFolder(disk: Disk, dir: string): void {
  const fd = disk.openSync(dir, 'r')
  try {
    disk.fsyncSync(fd)
  } finally {
    disk.closeSync(fd)
  }
}
