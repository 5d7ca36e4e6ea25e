// Where helm keeps a release, and how one that was read through covers is written back: only what helm notes of a release's fate may change.
import { isFields, readRelease } from './helm-release.ts'
import type { Release } from './helm-release.ts'

type Fields = Record<string, unknown>

export interface HeldRelease {
  readonly release: Release
  /** As the object holds it. */
  readonly encode: (packed: string) => string
}

/** The release in a Secret or ConfigMap; null when there is none. */
export function releaseIn(value: unknown, resource: string): HeldRelease | null {
  if (!isFields(value) || !isFields(value['data'])) return null
  const packed = value['data']['release']
  if (typeof packed !== 'string' || packed === '') return null
  const isSecret = resource === 'secrets'
  if (!isSecret && resource !== 'configmaps') return null
  const release = readRelease(isSecret ? Buffer.from(packed, 'base64').toString('latin1') : packed)
  return release === null ? null : { release, encode: text => (isSecret ? Buffer.from(text).toString('base64') : text) }
}

/**
 * What is to be stored: the stored release with the notes of the written one.
 * @param shown the stored release as the client saw it. @returns null when the written one differs from it in more than notes.
 */
export function restoredRelease(written: Fields, stored: Fields, shown: Fields): Fields | null {
  if (canonical(withoutNotes(written)) !== canonical(withoutNotes(shown))) return null
  const restored: Fields = { ...stored }
  for (const name of NOTES) restored[name] = restoredNote(written[name], stored[name], shown[name])
  const hooks = listOf(stored['hooks']).map((hook, index) => {
    const run = fieldsOf(listOf(written['hooks'])[index])['last_run']
    return isFields(hook) && run !== undefined ? { ...hook, last_run: run } : hook
  })
  if (Array.isArray(stored['hooks'])) restored['hooks'] = hooks
  return restored
}

const NOTES = ['info'] as const

/** Field by field: what came back as it was shown stays as it is stored. */
function restoredNote(written: unknown, stored: unknown, shown: unknown): unknown {
  if (!isFields(written) || !isFields(stored) || !isFields(shown)) return written
  return Object.fromEntries(
    Object.entries(written).map(([name, value]) => [name, canonical(value) === canonical(shown[name]) ? (stored[name] ?? value) : value]),
  )
}

function withoutNotes(release: Fields): Fields {
  const hooks = listOf(release['hooks']).map(hook => ({ ...fieldsOf(hook), last_run: null }))
  return { ...release, info: null, hooks }
}

/** The same text for values that mean the same: keys in order, nothing that is empty (helm leaves those out, or does not). */
function canonical(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? ''
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, item]) => [name, sorted(item)] as const)
      .filter(([, item]) => !isEmpty(item))
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  )
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false || value === 0) return true
  return Array.isArray(value) ? value.length === 0 : isFields(value) && Object.keys(value).length === 0
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {}
}
