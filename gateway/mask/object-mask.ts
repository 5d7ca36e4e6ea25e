// Hides fields of Kubernetes objects in every form the API server gives them: objects, lists, tables, watch events, partial metadata,
// and the copies of an object in its own annotations and managed fields. Text patterns are looked for in every other string.
import type { ObjectMask, TextMask } from '../core/masker.ts'
import type { MaskRule } from '../core/mask-rule.ts'
import { REDACTED } from './blank-value.ts'
import { readJson } from './exact-json.ts'
import { fieldRules } from './field-rules.ts'
import { coverAnnotations, coverManagedFields } from './object-copies.ts'
import { coverPath } from './object-path.ts'
import { coverStrings } from './object-strings.ts'
import { Findings } from './findings.ts'

export interface ObjectMaskParts {
  readonly holding: readonly MaskRule[]
  readonly lifted: readonly MaskRule[]
  readonly text: TextMask | null
  readonly runKey: Buffer
}

type Fields = Record<string, unknown>

/** Without its last character, whose bits depend on what follows the mark. */
const ENCODED_MARK = Buffer.from(REDACTED).toString('base64').slice(0, 13)

export function objectMask({ holding, lifted, text, runKey }: ObjectMaskParts): ObjectMask {
  const rules = fieldRules(holding, lifted, runKey)
  const secretRules = rules.filter(rule => rule.resource === 'secrets')
  const marks = [REDACTED, ENCODED_MARK, ...(text === null ? [] : ['********', '***@'])]
  const rulesOf = (resource: string): typeof rules => rules.filter(rule => rule.resource === resource)

  return {
    mayCover(json, resource) {
      if (rulesOf(resource).length > 0) return true
      // A Secret may stand in anything; an escape may hide its name.
      if (secretRules.length > 0 && (json.includes('Secret') || json.includes('\\u'))) return true
      return text?.mayFind(json, 0, json.length) ?? false
    },
    apply(json, resource) {
      const document = readJson(new TextDecoder('utf-8', { fatal: true }).decode(json))
      const findings = new Findings()
      coverDocument(document.value, resource, findings)
      return { json: Buffer.from(document.write(document.value)), covered: findings.all() }
    },
    paths: resource => rulesOf(resource).map(rule => rule.path),
    hasMarker(bytes) {
      if (marks.some(mark => bytes.includes(mark))) return true
      if (!bytes.includes('\\')) return false
      const plain = unescaped(bytes)
      return marks.some(mark => plain.includes(mark))
    },
  }

  function coverDocument(value: unknown, resource: string, findings: Findings): void {
    if (!isFields(value)) return
    for (const list of [value['items'], value['rows']]) {
      if (Array.isArray(list)) for (const item of list) coverDocument(item, resource, findings)
    }
    const own = new Findings()
    // The object of a watch event or of a table's row.
    if (isFields(value['object'])) coverDocument(value['object'], resource, own)
    coverObject(value, resource, own)
    if (Array.isArray(value['cells'])) coverCells(value['cells'], resource, own)
    findings.add(own)
  }

  function coverObject(value: Fields, resource: string, findings: Findings): void {
    for (const rule of rulesOf(resource)) coverPath(value, rule, findings)
    coverNested(value, resource, 0, findings)
    if (findings.needles.size > 0 || text !== null) coverStrings(value, text, findings, resource)
  }

  /** Secrets inside of other objects, and copies in annotations at any depth (a pod template has annotations too). */
  function coverNested(value: unknown, resource: string, depth: number, findings: Findings): void {
    if (depth > MAX_DEPTH) throw new SyntaxError('nested deeper than any object is')
    if (Array.isArray(value)) {
      for (const item of value) coverNested(item, resource, depth + 1, findings)
      return
    }
    if (!isFields(value)) return
    if (value['kind'] === 'Secret' && resource !== 'secrets') for (const rule of secretRules) coverPath(value, rule, findings)
    const inside = value['kind'] === 'Secret' ? 'secrets' : resource
    if (isFields(value['annotations'])) coverAnnotations(value['annotations'], inside, findings, coverDocument)
    if (Array.isArray(value['managedFields'])) coverManagedFields(value['managedFields'], rulesOf(inside))
    for (const item of Object.values(value)) coverNested(item, inside, depth + 1, findings)
  }

  /** What a custom resource prints in its columns is not said, so where fields are hidden its cells are, all but the name. */
  function coverCells(cells: unknown[], resource: string, findings: Findings): void {
    const isKnown = resource === 'secrets' || resource === 'configmaps'
    const [rule] = rulesOf(resource)
    cells.forEach((cell, index) => {
      if (rule !== undefined && !isKnown && index > 0 && cell !== null && cell !== '') {
        cells[index] = REDACTED
        findings.count(rule.rule, `${resource}:cells`)
      }
    })
  }
}

const MAX_DEPTH = 200

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unescaped(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
