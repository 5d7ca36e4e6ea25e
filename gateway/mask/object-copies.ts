// Copies of an object inside of itself: annotations that hold a whole object as JSON (kubectl apply keeps one), and managed fields.
import { REDACTED } from './blank-value.ts'
import { readJson } from './exact-json.ts'
import type { FieldRule } from './field-rules.ts'
import type { Findings } from './findings.ts'
import { isFields } from './helm-release.ts'
import { resourceOfObject } from './kind-resource.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** gzip or zip in base64: some tools pack the copy that they keep (`objectset.rio.cattle.io/applied`). */
const PACKED = /^\s*(?:H4sI|UEsD)/

/**
 * Covers the copies in annotations, in place. The copy of `kubectl apply` that cannot be read is hidden whole; so is what is packed, where
 * the object has anything to hide.
 * @param rulesOf rules of a resource. @param cover covers one document about the resource.
 */
export function coverAnnotations(
  annotations: Record<string, unknown>,
  resource: string,
  rulesOf: (resource: string) => readonly FieldRule[],
  findings: Findings,
  cover: (value: unknown, resource: string, findings: Findings) => void,
): void {
  for (const [name, value] of Object.entries(annotations)) {
    if (typeof value !== 'string') continue
    const [rule] = PACKED.test(value) ? rulesOf(resource) : []
    if (rule !== undefined) {
      annotations[name] = REDACTED
      findings.count(rule.rule, `${resource}:copies`)
    }
    if (rule !== undefined || !(name === LAST_APPLIED || /^\s*[[{]/.test(value))) continue
    const copy = read(value)
    if (copy === null) {
      if (name === LAST_APPLIED) annotations[name] = REDACTED
      continue
    }
    const named = isFields(copy.value) ? resourceOfObject(copy.value) : null
    cover(copy.value, named !== null && rulesOf(named).length > 0 ? named : resource, findings)
    // kubectl writes a line end behind it, and compares.
    annotations[name] = copy.write(copy.value) + (value.endsWith('\n') ? '\n' : '')
  }
}

/** Names of fields stay; the values that sets and keyed lists have among their names (`v:`, `k:`) go, where a rule reaches them. */
export function coverManagedFields(entries: readonly unknown[], rules: readonly FieldRule[]): void {
  for (const entry of entries) {
    const fields: unknown = typeof entry === 'object' && entry !== null && 'fieldsV1' in entry ? entry.fieldsV1 : null
    for (const rule of rules) dropValues(fields, rule.path)
  }
}

function dropValues(at: unknown, path: readonly string[]): void {
  if (typeof at !== 'object' || at === null) return
  const [key, ...rest] = path
  for (const [name, value] of Object.entries(at)) {
    const isValue = name.startsWith('v:') || name.startsWith('k:')
    if (isValue && (key === undefined || key === '*' || /^\d+$/.test(key))) Reflect.deleteProperty(at, name)
    else if (key === undefined) dropValues(value, [])
    else if (isValue) dropValues(value, path)
    else if (key === '*' || name === `f:${key}`) dropValues(value, rest)
  }
}

function read(text: string): ReturnType<typeof readJson> | null {
  try {
    return readJson(text)
  } catch {
    return null
  }
}
