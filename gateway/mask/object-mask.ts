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
import { coverRelease, isFields } from './helm-release.ts'
import type { ReleaseCovers } from './helm-release.ts'
import { releaseIn, restoredRelease } from './helm-object.ts'

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
      // What a release of helm holds cannot be seen from outside.
      if (resource === 'configmaps' && (secretRules.length > 0 || text !== null) && json.includes('"release"')) return true
      // A Secret may stand in anything; an escape may hide its name.
      if (secretRules.length > 0 && (json.includes('Secret') || json.includes('\\u'))) return true
      return text?.mayFind(json, 0, json.length) ?? false
    },
    apply(json, resource) {
      const document = readJson(textIn(json))
      const findings = new Findings()
      coverDocument(document.value, resource, findings)
      return { json: Buffer.from(document.write(document.value)), covered: findings.all() }
    },
    paths: resource => rulesOf(resource).map(rule => rule.path),
    restoreRelease(written, live, resource) {
      const [document, stored] = [readJson(textIn(written)), readJson(textIn(live))]
      if (!isFields(document.value) || !isFields(stored.value)) return null
      const [ours, theirs, shown] = [document.value, stored.value, readJson(textIn(live)).value].map(value => releaseIn(value, resource))
      if (ours === undefined || ours === null || theirs === undefined || theirs === null || shown === undefined || shown === null)
        return null
      if (!coverRelease(shown.release.value, releaseCovers(resource), new Findings())) return null
      const restored = restoredRelease(ours.release.value, theirs.release.value, shown.release.value)
      if (restored === null || !isFields(document.value['data'])) return null
      document.value['data']['release'] = ours.encode(ours.release.write(restored))
      return Buffer.from(document.write(document.value))
    },
    hasMarkedRelease(json, resource) {
      const held = releaseIn(readJson(textIn(json)).value, resource)
      return held !== null && this.hasMarker(Buffer.from(JSON.stringify(held.release.value)))
    },
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
    const release = coveredRelease(value, resource, findings)
    for (const rule of rulesOf(resource)) coverPath(value, rule, findings)
    if (release !== null && isFields(value['data'])) value['data']['release'] = release
    coverNested(value, resource, 0, findings)
    if (findings.needles.size > 0 || text !== null) coverStrings(value, text, findings, resource)
  }

  /** A release of helm, covered inside, as the object is to hold it; null when the object holds none, or one that cannot be read. */
  function coveredRelease(value: Fields, resource: string, findings: Findings): string | null {
    const held = releaseIn(value, resource)
    if (held === null) return null
    const own = new Findings()
    if (!coverRelease(held.release.value, releaseCovers(resource), own)) return null
    findings.take(own)
    return held.encode(held.release.write(held.release.value))
  }

  function releaseCovers(resource: string): ReleaseCovers {
    return {
      isKeptHidden: rulesOf(resource).some(({ path }) => path[0] === 'data' && (path.length === 1 || path[1] === 'release')),
      mayCover(yaml) {
        // A kind may be written with escapes.
        if (secretRules.length > 0 && (yaml.includes('Secret') || yaml.includes('\\'))) return true
        const lower = yaml.toLowerCase()
        return rules.some(rule => rule.resource !== 'secrets' && lower.includes(singularOf(rule.resource)))
      },
      object: (value, ofKind, findings) => {
        if (isFields(value)) coverObject(value, ofKind, findings)
      },
      strings: (fields, findings) => coverStrings(fields, text, findings, resource),
    }
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

/** `ingress` of `ingresses.networking.k8s.io`: it is a part of the kind's name, in lower case. */
function singularOf(resource: string): string {
  return (resource.split('.')[0] ?? '').replace(/(?:ies|es|s)$/, '')
}

function textIn(json: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(json)
}

function unescaped(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
