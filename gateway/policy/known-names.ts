// The names a policy file declares, as written: references are checked against these even while an entry has other faults.
import { didYouMean } from './closest.ts'
import type { Problems } from './problems.ts'
import type { Path } from './yaml-tree.ts'

type Block = 'issuers' | 'groups' | 'sources' | 'connections' | 'approvers'
const singular: Readonly<Record<Block, string>> = {
  issuers: 'issuer',
  groups: 'group',
  sources: 'source',
  connections: 'connection',
  approvers: 'entry of approvers',
}

export class KnownNames {
  readonly #value: unknown
  readonly #problems: Problems

  constructor(value: unknown, problems: Problems) {
    this.#value = value
    this.#problems = problems
  }

  of(block: Block): readonly string[] {
    const value = this.#value
    if (typeof value !== 'object' || value === null) return []
    const entries: unknown = Object.entries(value).find(([key]) => key === block)?.[1]
    return typeof entries === 'object' && entries !== null ? Object.keys(entries) : []
  }

  /** Says so when the name is not declared. */
  check(block: Block, name: string, path: Path): void {
    const known = this.of(block)
    if (known.includes(name)) return
    const meant = didYouMean(name, known)
    const list = known.length === 0 ? '; there is none' : `; there is ${known.slice(0, 10).join(', ')}`
    this.#problems.add(path, `unknown ${singular[block]} "${name}"${meant === '' ? list : meant}`)
  }

  checkAll(block: Block, names: readonly string[] | undefined, path: Path): void {
    for (const [index, name] of (names ?? []).entries()) this.check(block, name, [...path, index])
  }
}
