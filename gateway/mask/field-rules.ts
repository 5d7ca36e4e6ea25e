// Which fields of which resources are hidden, and what stands in their place. Every cover holds the same mark, so that an object that is
// written back with it can be recognised: a Secret must not be overwritten with stars.
import type { MaskKind, MaskRule } from '../core/mask-rule.ts'
import { REDACTED } from './blank-value.ts'
import { KeyedHash } from './text-cover.ts'

export interface FieldRule {
  readonly rule: string
  readonly resource: string
  readonly path: readonly string[]
  /** Values are base64 of what they mean. */
  readonly isBase64: boolean
  /** What stands for a value. */
  readonly cover: (value: string) => string
}

/** What rules without a name of their own are called in recordings. */
const BUILT_IN = 'secrets'

/** The policy's rules, and those for Secrets, which hold unless a rule that names all of `secrets:data` is lifted for this identity. */
export function fieldRules(holding: readonly MaskRule[], lifted: readonly MaskRule[], runKey: Buffer): readonly FieldRule[] {
  const named = holding.flatMap(rule =>
    rule.fields.map(({ resource, path }) => fieldRule(rule.name, resource, path, fieldCover(rule.with, runKey))),
  )
  const isOpen = (path: string): boolean =>
    lifted.some(rule => rule.fields.some(field => field.resource === 'secrets' && field.path.length === 1 && field.path[0] === path))
  const redact = fieldCover({ kind: 'redact' }, runKey)
  const secrets = ['data', 'stringData'].filter(path => !isOpen('data') && !isOpen(path))
  return [...named, ...secrets.map(path => fieldRule(BUILT_IN, 'secrets', [path], redact))]
}

function fieldRule(rule: string, resource: string, path: readonly string[], cover: (value: string) => string): FieldRule {
  const isBase64 = (resource === 'secrets' && path[0] === 'data') || (resource === 'configmaps' && path[0] === 'binaryData')
  const encoded = (value: string): string => Buffer.from(cover(Buffer.from(value, 'base64').toString('utf8'))).toString('base64')
  return { rule, resource, path, isBase64, cover: isBase64 ? encoded : cover }
}

/** An empty text or `null` would be taken for the value when the object is written back, so these kinds show the mark as well. */
function fieldCover(kind: MaskKind, runKey: Buffer): (value: string) => string {
  switch (kind.kind) {
    case 'redact':
    case 'null':
    case 'zero':
      return () => REDACTED
    case 'keep-last':
      return value => (value.length < 2 * kind.count ? REDACTED : REDACTED + value.slice(-kind.count))
    case 'keep-domain':
      return value => (/^[^@\s]+@[A-Za-z0-9.-]{1,253}$/.test(value) ? `${REDACTED}@${value.slice(value.lastIndexOf('@') + 1)}` : REDACTED)
    case 'hash': {
      const hash = new KeyedHash(runKey)
      return value => `${REDACTED}${hash.hex(Buffer.from(value))}`
    }
  }
}
