// A release of helm, as it keeps it in a Secret or ConfigMap: JSON, gzip, base64. It holds everything that was installed a second time, Secrets
// too, and the values they were made of. Covered inside, it stays a release that helm can read.
import { gunzipSync, gzipSync } from 'node:zlib'
import { parse, stringify } from 'yaml'
import { REDACTED } from './blank-value.ts'
import { readJson } from './exact-json.ts'
import { Findings } from './findings.ts'
import { resourceOfObject } from './kind-resource.ts'

type Fields = Record<string, unknown>

/** helm's own objects are bounded by what the API stores. */
const MAX_RELEASE_BYTES = 32 * 1_024 * 1_024
/** As helm and the API server read it: `yes` is true, `017` is fifteen. */
const GO_YAML = { version: '1.1' } as const
/** Shorter parts of a hidden value stand in too many places by chance. */
const MIN_PART = 4

export interface Release {
  readonly value: Fields
  /** Packed as helm packs it. */
  readonly write: (value: Fields) => string
}

export interface ReleaseCovers {
  /** False only when nothing in a document of YAML can need a cover that goes by fields; cheap. */
  readonly mayCover: (text: string) => boolean
  /** What keeps the release is hidden: of it only that is shown which is shown elsewhere. */
  readonly isKeptHidden: boolean
  /** Covers one object about a resource in place. */
  readonly object: (value: unknown, resource: string, findings: Findings) => void
  /** Covers patterns, and what was hidden elsewhere, in the strings of a value in place. */
  readonly strings: (value: Fields, findings: Findings) => void
}

/** @param text as helm wrote it, without the API's own base64. @returns null when it is none. */
export function readRelease(text: string): Release | null {
  try {
    const bytes = Buffer.from(text, 'base64')
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
    const plain = isPacked ? gunzipSync(bytes, { maxOutputLength: MAX_RELEASE_BYTES }) : bytes
    const document = readJson(new TextDecoder('utf-8', { fatal: true }).decode(plain))
    if (!isFields(document.value) || typeof document.value['manifest'] !== 'string') return null
    return {
      value: document.value,
      write(value) {
        const json = Buffer.from(document.write(value))
        return (isPacked ? gzipSync(json) : json).toString('base64')
      },
    }
  } catch {
    return null
  }
}

/** Covers a release in place. @returns false when it cannot be read to its end: then none of it may be shown. */
export function coverRelease(release: Fields, covers: ReleaseCovers, findings: Findings): boolean {
  try {
    coverManifest(release, covers, findings)
    for (const hook of listOf(release['hooks'])) if (isFields(hook)) coverManifest(hook, covers, findings)
  } catch {
    return false
  }
  const hidden = new Hidden(findings, covers.isKeptHidden ? shownText(release) : null)
  const chart = isFields(release['chart']) ? release['chart'] : {}
  for (const values of [release['config'], chart['values']]) hidden.coverValues(values)
  for (const file of [...listOf(chart['templates']), ...listOf(chart['files'])]) if (isFields(file)) hidden.coverFile(file)
  covers.strings(release, findings)
  return true
}

/** Documents of YAML, one object each. One in which nothing is covered stays as it is written. */
function coverManifest(holder: Fields, covers: ReleaseCovers, findings: Findings): void {
  const { manifest } = holder
  if (typeof manifest !== 'string') return
  holder['manifest'] = manifest
    .split(/^(?=---\s*$)/m)
    .map(part => {
      const [mark = '', text] = /^---\s*\n?/.test(part) ? [/^---\s*\n?/.exec(part)?.[0], part.replace(/^---\s*\n?/, '')] : ['', part]
      if (!covers.mayCover(text)) return part
      const object: unknown = parse(text, { ...GO_YAML, maxAliasCount: 100 })
      if (!isFields(object)) return part
      const own = new Findings()
      covers.object(object, resourceOfObject(object) ?? '', own)
      findings.take(own)
      return own.all().length === 0 ? part : `${mark}${stringify(object, { ...GO_YAML, lineWidth: 0 })}`
    })
    .join('')
}

/** All that is shown of the objects of a release, once they are covered. */
function shownText(release: Fields): string {
  const manifests = [release, ...listOf(release['hooks'])].map(holder => (isFields(holder) ? holder['manifest'] : ''))
  return manifests.filter(manifest => typeof manifest === 'string').join('\n')
}

/** What the objects of a release were made of: what was hidden in them, and what does not stand in what is shown of them. */
class Hidden {
  readonly #findings: Findings
  readonly #words: ReadonlySet<string>
  /** Null where a value need not stand in it. */
  readonly #shown: string | null

  constructor(findings: Findings, shown: string | null) {
    this.#findings = findings
    this.#shown = shown
    this.#words = new Set([...findings.needles, ...findings.words])
  }

  /**
   * Values are parts of what they become: `hunter2` of `postgres://app:hunter2@db`. A chart may also change them beyond recognition (a digest,
   * a hash of a password), or not use them: such a value stands nowhere but in the Secret that keeps the release, so it is hidden with it.
   */
  coverValues(at: unknown): void {
    if (typeof at !== 'object' || at === null) return
    for (const [key, item] of Object.entries(at)) {
      if (typeof item === 'object') this.coverValues(item)
      else if ((typeof item === 'string' || typeof item === 'number') && item !== '' && !this.#mayShow(String(item))) {
        this.#findings.hide(String(item))
        Object.defineProperty(at, key, { value: REDACTED, enumerable: true, writable: true, configurable: true })
        this.#findings.count('secrets', 'release:values')
      }
    }
  }

  /** A template, or any other file of the chart, in base64. */
  coverFile(file: Fields): void {
    const encoded = file['data']
    if (typeof encoded !== 'string') return
    const plain = Buffer.from(encoded, 'base64').toString('latin1')
    let shown = plain
    for (const word of this.#words) {
      const needle = Buffer.from(word).toString('latin1')
      if (needle.length >= MIN_PART) shown = shown.replaceAll(needle, REDACTED)
    }
    if (shown !== plain) file['data'] = Buffer.from(shown, 'latin1').toString('base64')
  }

  #mayShow(text: string): boolean {
    if (this.#isHidden(text)) return false
    const shown = this.#shown
    if (shown === null) return true
    const isPart = (at: number): boolean => /\w/.test(shown[at] ?? '')
    for (let at = shown.indexOf(text); at !== -1; at = shown.indexOf(text, at + 1)) {
      if (!isPart(at - 1) && !isPart(at + text.length)) return true
    }
    return false
  }

  #isHidden(text: string): boolean {
    if (this.#words.has(text)) return true
    return text.length >= MIN_PART && [...this.#words].some(word => word.includes(text) || (word.length >= MIN_PART && text.includes(word)))
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
