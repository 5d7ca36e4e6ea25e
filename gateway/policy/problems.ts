// Collects everything that is wrong with a policy file, each with its place, and throws them as one error.
import { SallyportError } from '../core/errors.ts'
import type { Located, Path, Place, YamlTree } from './yaml-tree.ts'

const MAX_REPORTED = 20

/** POLICY_INVALID with its problems one by one; the message holds all of them, a line each. */
export class PolicyInvalid extends SallyportError {
  readonly problems: readonly Located[]

  constructor(name: string, problems: readonly Located[], total: number) {
    const lines = problems.map(problem => lineOf(name, problem))
    if (total > problems.length) lines.push(`${name}: and ${total - problems.length} more`)
    super('POLICY_INVALID', lines.join('\n'), {
      why: 'nothing in a policy file is ever ignored: what is unknown or contradictory stops the start',
      fix: 'correct the file; `sallyport policy check` reads it without starting anything, `--schema` prints the schema for your editor',
    })
    this.problems = problems
  }
}

/** `sallyport.yml:12:5: text`. */
export function lineOf(name: string, located: Located): string {
  return `${name}:${located.place.line}:${located.place.column}: ${located.text}`
}

export class Problems {
  readonly #found: Located[] = []
  readonly #warnings: Located[] = []
  readonly #tree: YamlTree

  constructor(tree: YamlTree) {
    this.#tree = tree
  }

  /** A problem at the value of the path. The text must not quote a value that may be a secret. */
  add(path: Path, text: string): void {
    this.#found.push({ place: this.#tree.placeOf(path), text })
  }

  addAtKey(path: Path, text: string): void {
    this.#found.push({ place: this.#tree.placeOfKey(path), text })
  }

  warn(path: Path, text: string): void {
    this.#warnings.push({ place: this.#tree.placeOf(path), text })
  }

  placeOf(path: Path): Place {
    return this.#tree.placeOf(path)
  }

  warnings(name: string): readonly string[] {
    return this.#warnings.toSorted(byPlace).map(warning => lineOf(name, warning))
  }

  /** @throws {PolicyInvalid} when there is a problem. */
  throwIfAny(name: string): void {
    throwProblems(name, this.#found)
  }
}

/** @throws {PolicyInvalid} with the first of them, in the file's order, when there are any. */
export function throwProblems(name: string, found: readonly Located[]): void {
  if (found.length === 0) return
  const distinct = [...new Map(found.map(problem => [lineOf('', problem), problem])).values()].toSorted(byPlace)
  throw new PolicyInvalid(name, distinct.slice(0, MAX_REPORTED), distinct.length)
}

function byPlace(a: Located, b: Located): number {
  return a.place.line - b.place.line || a.place.column - b.place.column
}
