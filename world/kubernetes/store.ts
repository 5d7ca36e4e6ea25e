// What the stand-in holds: objects by kind, namespace and name, with versions, events for watchers, and what a dry run would have stored.
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { apiVersionOf } from './kinds.ts'
import type { ApiObject, Kind } from './kinds.ts'

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly kind: Kind
  readonly object: ApiObject
  readonly version: number
}

/** Changes kept for watchers that come late. */
const MAX_CHANGES = 1_000

export class Store {
  readonly #objects = new Map<string, ApiObject>()
  readonly #changes: Change[] = []
  readonly changed = new EventEmitter().setMaxListeners(1_000)
  version = 100

  get(kind: Kind, namespace: string, name: string): ApiObject | undefined {
    return this.#objects.get(key(kind, namespace, name))
  }

  list(kind: Kind, namespace: string): ApiObject[] {
    const prefix = `${apiVersionOf(kind)}/${kind.resource}/${namespace === '' ? '' : `${namespace}/`}`
    return [...this.#objects]
      .filter(([name]) => name.startsWith(prefix))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([, object]) => object)
  }

  put(kind: Kind, namespace: string, object: ApiObject, isDryRun: boolean): ApiObject {
    const old = this.get(kind, namespace, object.metadata.name)
    const isSame = old !== undefined && same(old, object)
    const version = isDryRun || isSame ? this.version : this.version + 1
    const stored: ApiObject = {
      ...normal(object),
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: {
        ...object.metadata,
        ...(kind.isNamespaced ? { namespace } : {}),
        uid: old?.metadata.uid ?? randomUUID(),
        creationTimestamp: old?.metadata.creationTimestamp ?? `${new Date().toISOString().slice(0, 19)}Z`,
        resourceVersion: isSame ? (old.metadata.resourceVersion ?? '') : String(version),
      },
    }
    if (isDryRun || isSame) return stored
    this.version = version
    this.#objects.set(key(kind, namespace, stored.metadata.name), stored)
    this.#tell({ type: old === undefined ? 'ADDED' : 'MODIFIED', kind, object: stored, version })
    return stored
  }

  delete(kind: Kind, namespace: string, name: string): void {
    const object = this.get(kind, namespace, name)
    if (object === undefined) return
    this.version += 1
    this.#objects.delete(key(kind, namespace, name))
    this.#tell({ type: 'DELETED', kind, object, version: this.version })
  }

  since(version: number): readonly Change[] {
    return this.#changes.filter(change => change.version > version)
  }

  #tell(change: Change): void {
    this.#changes.push(change)
    if (this.#changes.length > MAX_CHANGES) this.#changes.shift()
    this.changed.emit('change', change)
  }
}

function key(kind: Kind, namespace: string, name: string): string {
  return `${apiVersionOf(kind)}/${kind.resource}/${kind.isNamespaced ? `${namespace}/` : ''}${name}`
}

/** As the real server: `stringData` becomes `data`, and is not kept. */
function normal(object: ApiObject): ApiObject {
  if (object.kind !== 'Secret') return object
  const { stringData, ...rest } = object
  const added = Object.entries((stringData ?? {}) as Record<string, string>).map(([name, value]) => [
    name,
    Buffer.from(value).toString('base64'),
  ])
  const data = { ...(object['data'] as object | undefined), ...Object.fromEntries(added) }
  return { type: 'Opaque', ...rest, ...(Object.keys(data).length === 0 ? {} : { data }) }
}

function same(old: ApiObject, object: ApiObject): boolean {
  return plain(old) === plain(normal(object))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, item]) => [name, sorted(item)]),
  )
}

const bookkeeping = new Set(['resourceVersion', 'uid', 'creationTimestamp', 'managedFields', 'namespace'])

/** The object without what the server keeps for itself. */
function plain({ metadata, ...rest }: ApiObject): string {
  const kept = Object.fromEntries(Object.entries(metadata).filter(([name]) => !bookkeeping.has(name)))
  return JSON.stringify(sorted({ ...rest, metadata: kept }))
}
