// Follows the lines of a log in one pass: numbers, links, tree, counts; and finds the line where it was changed.
import type { Checkpoint } from './checkpoint.ts'
import type { LineOpener } from './line-seal.ts'
import { hashLeaf, MerkleTree } from './merkle-tree.ts'
import { linkOf } from './pending-lines.ts'
import { isSealed, openLine } from './read-events.ts'
import { isMembers, isStoredEvent, readMembers } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'
import { Tally } from './tally.ts'
import { TerminalCheck } from './terminal-check.ts'

export interface Suspicion {
  readonly line: number
  readonly what: string
}

export class LogCheck {
  readonly #tree = new MerkleTree()
  readonly #tally = new Tally()
  readonly terminals = new TerminalCheck()
  readonly #checkpoints: readonly Checkpoint[]
  readonly #open: LineOpener | null
  #next = 0
  #proven = 0
  #leaf: Buffer | null = null
  #suspicion: Suspicion | null = null
  #linkBrokenAt: number | null = null
  /** The suspicion that rests on the first broken link alone. */
  #accused: Suspicion | null = null
  #opening: StoredEvent | null = null
  #closing: StoredEvent | null = null
  #sealedLines = 0

  /** @param checkpoints verified ones of this log, by size. @param open opens sealed lines; null = they stay sealed. */
  constructor(checkpoints: readonly Checkpoint[], open: LineOpener | null = null) {
    this.#checkpoints = checkpoints
    this.#open = open
  }

  /** @param prefixed the line without its newline, after one byte 0x00. */
  line(prefixed: Buffer): void {
    const number = this.#tree.size + 1
    const leaf = hashLeaf(prefixed)
    this.#read(number, prefixed.toString('utf8', 1))
    this.#tree.append(leaf)
    this.#leaf = leaf
    this.#compare()
  }

  get lines(): number {
    return this.#tree.size
  }

  get root(): Buffer {
    return this.#tree.root()
  }

  /** Lines up to here are under a checkpoint that fits. */
  get proven(): number {
    return this.#proven
  }

  get counts(): ReturnType<Tally['counts']> {
    return this.#tally.counts()
  }

  /** Lines that only the auditors can read, and that were not opened. */
  get sealedLines(): number {
    return this.#sealedLines
  }

  get opening(): StoredEvent | null {
    return this.#opening
  }

  /** `run.close`, when it is the last line. */
  get closing(): StoredEvent | null {
    return this.#closing
  }

  /** The first line that does not fit, if there is one. */
  get suspicion(): Suspicion | null {
    return this.#suspicion
  }

  #read(number: number, text: string): void {
    this.#closing = null
    const line = readMembers(text)
    if (line === null) {
      this.#suspect(number, 'the line is not a JSON object')
      return
    }
    if (line['seq'] !== number) this.#suspect(number, `its number is ${JSON.stringify(line['seq']) ?? 'missing'}`)
    const isClosed = isSealed(line)
    if (isClosed && this.#open === null) {
      this.#sealedLines += 1
      return
    }
    const members = isClosed && this.#open !== null ? openLine(line, this.#open) : line
    if (members === null) {
      this.#suspect(number, 'the key of the auditors does not open it')
      return
    }
    if (!isStoredEvent(members)) {
      this.#suspect(number, 'it has no time, session or kind')
      return
    }
    // A line out of its place says nothing about the one before it.
    if (members['seq'] === number) this.#follow(number, members['prev'])
    if (members.kind === 'run.close') this.#closing = members
    else this.#tally.count(members)
    this.terminals.add(number, members)
    if (number === 1 && members.kind === 'run.open' && isMembers(members)) this.#opening = members
  }

  /** A link that does not fit accuses the line before; two in a row accuse the line between them. */
  #follow(number: number, prev: unknown): void {
    if (prev === (this.#leaf === null ? null : linkOf(this.#leaf))) return
    const isSecond = this.#linkBrokenAt === number - 1
    this.#linkBrokenAt = number
    if (isSecond && this.#suspicion === this.#accused) this.#suspicion = null
    const line = Math.max(number - 1, this.#proven + 1)
    this.#suspect(line, line === number ? 'it does not follow the line before it' : 'the next line does not follow from it')
    this.#accused ??= this.#suspicion
  }

  #compare(): void {
    for (let next = this.#checkpoints[this.#next]; next?.size === this.#tree.size; next = this.#checkpoints[this.#next]) {
      this.#next += 1
      if (this.#tree.root().equals(next.root)) this.#proven = next.size
      else this.#suspect(next.size, 'up to here the lines are not those that were signed')
    }
  }

  #suspect(line: number, what: string): void {
    if (this.#suspicion === null || line < this.#suspicion.line) this.#suspicion = { line, what }
  }
}
