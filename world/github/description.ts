// Holds answers of the stand-in against GitHub's own description of its REST API, so that it cannot drift from the real thing.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'

interface Description {
  readonly source: string
  readonly schemas: Readonly<Record<string, Readonly<Record<string, object>>>>
}

let loaded: GitHubDescription | null = null

/** The description, read and compiled once for all stand-ins of this process. */
export function githubDescription(): GitHubDescription {
  loaded ??= new GitHubDescription()
  return loaded
}

class GitHubDescription {
  readonly source: string
  readonly #schemas: Description['schemas']
  readonly #compiled = new Map<string, ValidateFunction>()
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })

  constructor() {
    const description = JSON.parse(readFileSync(path.join(import.meta.dirname, 'description.json'), 'utf8')) as Description
    this.source = description.source
    this.#schemas = description.schemas
  }

  get operations(): readonly string[] {
    return Object.keys(this.#schemas)
  }

  /** What is wrong with an answer, in words; empty when it is as described, or when nothing is described for it. */
  faultsOf(operation: string, status: number, body: unknown): readonly string[] {
    const schema = this.#schemas[operation]?.[String(status)]
    // An undescribed failure has no schema of its own; an undescribed success is a fault.
    if (schema === undefined) return status < 300 && status !== 204 ? [`${operation} ${status} is not described`] : []
    const key = `${operation} ${status}`
    const validate = this.#compiled.get(key) ?? this.#ajv.compile(schema)
    this.#compiled.set(key, validate)
    if (validate(body)) return []
    return (validate.errors ?? []).slice(0, 5).map(({ instancePath, message }) => `${key}: ${instancePath} ${message ?? ''}`)
  }
}
