// Walks a path of keys into an object and covers all that lies at its end.
import type { FieldRule } from './field-rules.ts'
import type { Findings } from './findings.ts'

/** Covers every value at the rule's path, in place. A key that meets a list is looked for in each of its elements. */
export function coverPath(object: Record<string, unknown>, rule: FieldRule, findings: Findings): void {
  step(object, rule.path, rule, findings)
}

function step(at: unknown, path: readonly string[], rule: FieldRule, findings: Findings): void {
  const [key, ...rest] = path
  if (key === undefined || typeof at !== 'object' || at === null) return
  if (Array.isArray(at)) {
    const index = /^\d+$/.test(key) ? Number(key) : null
    at.forEach((item: unknown, place) => {
      if (index !== null && index !== place) return
      if (index === null && key !== '*') step(item, path, rule, findings)
      else if (rest.length === 0) at[place] = covered(item, rule, findings)
      else step(item, rest, rule, findings)
    })
    return
  }
  for (const [name, value] of Object.entries(at)) {
    if (key !== '*' && key !== name) continue
    if (rest.length === 0) Object.defineProperty(at, name, plainProperty(covered(value, rule, findings)))
    else step(value, rest, rule, findings)
  }
}

function covered(value: unknown, rule: FieldRule, findings: Findings): unknown {
  if (value === null || value === '') return value
  if (Array.isArray(value)) return value.map((item: unknown) => covered(item, rule, findings))
  if (typeof value === 'object') {
    for (const [name, item] of Object.entries(value)) Object.defineProperty(value, name, plainProperty(covered(item, rule, findings)))
    return value
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  findings.hide(text)
  if (rule.isBase64) findings.hide(Buffer.from(text, 'base64').toString('utf8'))
  findings.count(rule.rule, `${rule.resource}:${rule.path.join('.')}`)
  return rule.cover(text)
}

/** `__proto__` is a key like any other in JSON. */
function plainProperty(value: unknown): PropertyDescriptor {
  return { value, enumerable: true, writable: true, configurable: true }
}
