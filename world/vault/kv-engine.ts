// Vault's KV version 2: every write is a version, a deleted version leaves its metadata.
import { VaultError } from './vault-error.ts'

interface Version {
  readonly data: Readonly<Record<string, unknown>>
  readonly createdAt: Date
  deletedAt: Date | null
}

export class KvEngine {
  readonly #secrets = new Map<string, Version[]>()

  /** @returns the number of the new version, from 1. */
  put(path: string, data: Readonly<Record<string, unknown>>): number {
    const versions = this.#secrets.get(path) ?? []
    versions.push({ data, createdAt: new Date(), deletedAt: null })
    this.#secrets.set(path, versions)
    return versions.length
  }

  /** Soft: the version stays, its data is withheld. */
  delete(path: string): void {
    const newest = this.#secrets.get(path)?.at(-1)
    if (newest !== undefined) newest.deletedAt = new Date()
  }

  /** @param version null = the newest. @throws {VaultError} 404; with the metadata when the version was deleted. */
  read(path: string, version: number | null): object {
    const versions = this.#secrets.get(path) ?? []
    const number = version ?? versions.length
    const found = versions[number - 1]
    if (found === undefined) throw new VaultError(404, [])
    const metadata = {
      created_time: found.createdAt.toISOString(),
      custom_metadata: null,
      deletion_time: found.deletedAt?.toISOString() ?? '',
      destroyed: false,
      version: number,
    }
    if (found.deletedAt !== null) throw new VaultError(404, [], { data: null, metadata })
    return { data: found.data, metadata }
  }
}
