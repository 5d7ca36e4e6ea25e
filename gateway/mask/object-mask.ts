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
import { coverFailure, failureWords, UNSHOWN } from './failure-words.ts'
import type { HiddenPlace } from './failure-words.ts'
import { coverRelease, isFields } from './helm-release.ts'
import type { ReleaseCovers } from './helm-release.ts'
import { releaseIn, restoredRelease } from './helm-object.ts'
import { resourceOfObject, singularOf, storedResource } from './kind-resource.ts'

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
  const byResource = new Map<string, (typeof rules)[number][]>()
  for (const rule of rules) byResource.set(storedResource(rule.resource), [...(byResource.get(storedResource(rule.resource)) ?? []), rule])
  const rulesOf = (resource: string): typeof rules => byResource.get(storedResource(resource)) ?? []
  const otherKinds = [...byResource.keys()].filter(resource => resource !== 'secrets').map(singularOf)
  const mentionsOther = otherKinds.length === 0 ? null : new RegExp(otherKinds.join('|'), 'i')

  return {
    mayCover(json, resource) {
      if (rulesOf(resource).length > 0) return true
      // What a release of helm holds cannot be seen from outside.
      if (resource === 'configmaps' && (secretRules.length > 0 || text !== null) && json.includes('"release"')) return true
      // A Secret may stand in anything; an escape may hide its name.
      if (secretRules.length > 0 && (json.includes('Secret') || json.includes('\\u'))) return true
      if (mentionsOther !== null && (json.includes('\\u') || mentionsOther.test(json.toString('latin1')))) return true
      return text?.mayFind(json, 0, json.length) ?? false
    },
    apply(json, resource) {
      const document = readJson(textIn(json))
      const findings = new Findings()
      coverDocument(document.value, resource, findings)
      return { json: Buffer.from(document.write(document.value)), covered: findings.all() }
    },
    applyFailure(json, resource, isWrite) {
      const document = readJson(textIn(json))
      const findings = new Findings()
      const { value } = document
      if (isFields(value) && value['kind'] === 'Status') {
        coverFailure(value, hiddenIn(value, resource), isWrite, resource, findings)
        coverDocument(value, resource, findings)
        return { json: Buffer.from(document.write(value)), covered: findings.all() }
      }
      const [rule] = rulesOf(resource)
      if (rule === undefined) return this.apply(json, resource)
      findings.count(rule.rule, `${resource}:failure`)
      const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `the server refused it: ${UNSHOWN}` }
      return { json: Buffer.from(JSON.stringify(status)), covered: findings.all() }
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

  /** What the words of a failure may quote: the object that the request is about, or one that stands inside of it. */
  function hiddenIn(status: Fields, resource: string): readonly HiddenPlace[] {
    const own = rulesOf(resource)
    if (own.length > 0) return own
    const words = failureWords(status)
    return rules.filter(rule => isDumpOf(singularOf(rule.resource)).test(words)).map(({ rule }) => ({ rule, path: [] }))
  }

  function coverDocument(value: unknown, resource: string, findings: Findings): void {
    if (!isFields(value)) return
    const covered: string[] = []
    for (const name of ['items', 'rows']) {
      const list = value[name]
      if (!Array.isArray(list)) continue
      for (const item of list) coverDocument(item, resource, findings)
      covered.push(name)
    }
    const own = new Findings()
    // The object of a watch event or of a table's row.
    const { object } = value
    if (isFields(object)) {
      if (object['kind'] === 'Status') coverFailure(object, hiddenIn(object, resource), false, resource, own)
      coverDocument(object, resource, own)
      covered.push('object')
    }
    coverObject(value, resource, own, covered)
    if (Array.isArray(value['cells'])) coverCells(value['cells'], resource, own)
    findings.add(own)
  }

  /** @param covered keys whose values are covered already. */
  function coverObject(value: Fields, resource: string, findings: Findings, covered: readonly string[] = []): void {
    const release = coveredRelease(value, resource, findings)
    for (const rule of rulesOf(resource)) coverPath(value, rule, findings)
    if (release !== null && isFields(value['data'])) value['data']['release'] = release
    coverNested(value, resource, 0, findings, covered)
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

  /** Objects inside of others, of kinds that rules name, and copies in annotations at any depth (a pod template has annotations too). */
  function coverNested(value: unknown, resource: string, depth: number, findings: Findings, covered: readonly string[] = []): void {
    if (depth > MAX_DEPTH) throw new SyntaxError('nested deeper than any object is')
    if (Array.isArray(value)) {
      for (const item of value) coverNested(item, resource, depth + 1, findings)
      return
    }
    if (!isFields(value)) return
    const named = resourceOfObject(value)
    const isOther = named !== null && named !== storedResource(resource) && rulesOf(named).length > 0
    const inside = isOther ? named : resource
    const { items } = value
    // What a list holds does not name its kind.
    const isList = isOther && Array.isArray(items)
    if (isList) for (const item of items) if (isFields(item)) coverObject(item, inside, findings)
    if (isOther && !isList) for (const rule of rulesOf(inside)) coverPath(value, rule, findings)
    if (isFields(value['annotations'])) coverAnnotations(value['annotations'], inside, rulesOf, findings, coverDocument)
    if (Array.isArray(value['managedFields'])) coverManagedFields(value['managedFields'], rulesOf(inside))
    for (const [key, item] of Object.entries(value)) {
      if (!covered.includes(key) && !(isList && key === 'items')) coverNested(item, inside, depth + 1, findings)
    }
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

/** An object of the kind in JSON, or as Go prints one, at any depth of quotation. */
function isDumpOf(kind: string): RegExp {
  return new RegExp(String.raw`kind[\\"':\s]{1,200}${kind}|${kind}(?:list)?\{`, 'i')
}

function textIn(json: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(json)
}

function unescaped(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
