// The RFC 6962 Merkle tree over the raw lines of a log, grown leaf by leaf. Keeps one hash per level, never the leaves.
// leaf = SHA-256(0x00 ‖ line without its newline), node = SHA-256(0x01 ‖ left ‖ right).
import { hash } from 'node:crypto'

export const HASH_BYTES = 32

/** The hash of one line. `prefixed` is the line with one byte 0x00 in front of it, so that nothing needs to be copied. */
export function hashLeaf(prefixed: Buffer): Buffer {
  return digest(prefixed)
}

/** The hash of one line, as text or bytes without the newline. */
export function hashLine(line: Buffer | string): Buffer {
  return hashLeaf(Buffer.concat([Buffer.of(0), typeof line === 'string' ? Buffer.from(line, 'utf8') : line]))
}

export class MerkleTree {
  /** Roots of the perfect subtrees, largest first: one for every bit that is set in `#size`. */
  readonly #peaks: Buffer[]
  readonly #node = Buffer.alloc(1 + 2 * HASH_BYTES, 1)
  #size: number

  constructor(size = 0, peaks: readonly Buffer[] = []) {
    this.#size = size
    this.#peaks = [...peaks]
  }

  get size(): number {
    return this.#size
  }

  append(leaf: Buffer): void {
    let top = leaf
    // The low bits that are set are the subtrees as large as what is being merged.
    for (let size = this.#size; size % 2 === 1; size = Math.floor(size / 2)) {
      const left = this.#peaks.pop()
      if (left !== undefined) top = this.#join(left, top)
    }
    this.#peaks.push(top)
    this.#size += 1
  }

  /** The root of the tree as it is now; that of the empty tree is SHA-256 of nothing. */
  root(): Buffer {
    let root: Buffer | undefined
    for (const peak of this.#peaks.toReversed()) root = root === undefined ? peak : this.#join(peak, root)
    return root ?? digest(Buffer.alloc(0))
  }

  /** An independent copy, to try another continuation. */
  fork(): MerkleTree {
    return new MerkleTree(this.#size, this.#peaks)
  }

  #join(left: Buffer, right: Buffer): Buffer {
    left.copy(this.#node, 1)
    right.copy(this.#node, 1 + HASH_BYTES)
    return digest(this.#node)
  }
}

/** By way of a string, whose memory costs the collector next to nothing: a digest of its own buffer takes more than twice as long. */
function digest(bytes: Buffer): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1')
}
