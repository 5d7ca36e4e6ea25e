// The two files of a log's checkpoints: `checkpoint` is the newest, `checkpoints` the earlier ones, in order.
import path from 'node:path'
import { signCheckpoint } from './checkpoint.ts'
import { CHECKPOINT_FILE, CHECKPOINTS_FILE } from './layout.ts'
import { LogFile, replaceFile } from './log-file.ts'
import type { Disk } from './log-file.ts'
import type { MerkleTree } from './merkle-tree.ts'
import type { NoteSigner } from './signed-note.ts'
import { failpoint } from '../core/failpoint.ts'

export class CheckpointFiles {
  readonly #disk: Disk
  readonly #newest: string
  readonly #earlier: LogFile
  readonly #signer: NoteSigner
  readonly #origin: string
  #note: string | null = null
  /** The last note in the file of the earlier ones. */
  #kept: string | null = null
  #isTorn = false
  #size = 0

  constructor(disk: Disk, dir: string, signer: NoteSigner, origin: string) {
    this.#disk = disk
    this.#newest = path.join(dir, CHECKPOINT_FILE)
    this.#earlier = new LogFile(disk, path.join(dir, CHECKPOINTS_FILE))
    this.#signer = signer
    this.#origin = origin
  }

  /** Lines under the newest checkpoint. */
  get size(): number {
    return this.#size
  }

  /** The newest checkpoint; null before there is one. */
  get note(): string | null {
    return this.#note
  }

  /** Signs the tree as it is; nothing to do when the newest checkpoint has it already. */
  sign(tree: MerkleTree, isSynced: boolean): void {
    if (tree.size === this.#size && this.#note !== null) return
    failpoint('checkpoint.before')
    const note = signCheckpoint({ origin: this.#origin, size: tree.size, root: tree.root() }, this.#signer)
    if (this.#note !== null && this.#kept !== this.#note) this.#keep(this.#note)
    failpoint('checkpoint.between-files')
    replaceFile(this.#disk, this.#newest, note, isSynced)
    if (isSynced) this.#earlier.sync()
    failpoint('checkpoint.signed')
    this.#note = note
    this.#size = tree.size
  }

  /** Also when an attempt before this one failed half-way, or the file of the newest could not be replaced after it. */
  #keep(note: string): void {
    const bytes = Buffer.from(note, 'utf8')
    if (this.#isTorn) this.#earlier.cutBack()
    this.#isTorn = true
    this.#earlier.append(bytes, 0, bytes.length)
    this.#isTorn = false
    this.#kept = note
  }

  close(): void {
    this.#earlier.close()
  }
}
