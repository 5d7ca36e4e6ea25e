// The strings of an object that no field rule names: patterns are looked for in them, and texts that were hidden elsewhere in the object.
import type { TextMask } from '../core/masker.ts'
import { REDACTED } from './blank-value.ts'
import type { Findings } from './findings.ts'

/** Clients put these into their next request, or choose a kind by them; a server makes them, or restricts them to names. */
const identifying = new Set(['apiVersion', 'kind', 'name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'continue'])
/** A number with fewer digits matches no pattern. */
const MIN_NUMBER = 1_000_000

/** Covers in place; keys too. */
export function coverStrings(value: Record<string, unknown>, text: TextMask | null, findings: Findings, resource: string): void {
  walk(value)

  function walk(at: object): void {
    for (const [key, item] of Object.entries(at)) {
      const isKept = !Array.isArray(at) && identifying.has(key)
      if (typeof item === 'object' && item !== null) walk(item)
      else if (typeof item === 'string' && !isKept) write(at, key, covered(item))
      else if (typeof item === 'number' && text !== null && Math.abs(item) >= MIN_NUMBER) {
        const shown = covered(String(item))
        if (shown !== String(item)) write(at, key, shown)
      }
      if (!Array.isArray(at)) renameKey(at, key)
    }
  }

  function renameKey(at: object, key: string): void {
    const shown = covered(key)
    if (shown === key) return
    const item: unknown = Object.getOwnPropertyDescriptor(at, key)?.value
    Reflect.deleteProperty(at, key)
    write(at, Object.hasOwn(at, shown) ? `${shown} ` : shown, item)
  }

  function covered(part: string): string {
    let shown = part
    for (const needle of findings.needles) {
      if (!shown.includes(needle) || shown.startsWith(REDACTED)) continue
      shown = shown.replaceAll(needle, REDACTED)
      findings.count('secrets', `${resource}:copies`)
    }
    if (text === null) return shown
    const result = text.apply(shown)
    for (const [rule, times] of result.found) findings.count(rule, `${resource}:text`, times)
    return result.text
  }
}

function write(at: object, key: string, value: unknown): void {
  Object.defineProperty(at, key, { value, enumerable: true, writable: true, configurable: true })
}
