// What `masks:` point at: columns, fields of resources, patterns, kinds. Names are read as PostgreSQL reads them: folded unless quoted.
import type { MaskKind, MaskPattern, MaskRule } from '../core/mask-rule.ts'
import { didYouMean } from './closest.ts'
import { matchesPattern, patternProblem } from './expression.ts'

type Column = MaskRule['columns'][number]
type Field = MaskRule['fields'][number]

const builtins = ['credit-card', 'us-ssn', 'email', 'iban', 'phone', 'jwt', 'aws-key', 'github-token', 'private-key', 'password-hash']

/** `schema.table.column`, each a name, a "quoted name" or `*`; or what is wrong. */
export function parseColumn(text: string): Column | string {
  const parts = splitNames(text)
  if (parts === null || parts.length !== 3) return 'a column is written schema.table.column, with * for any name'
  const [schema = '', table = '', column = ''] = parts
  return { schema, table, column }
}

/** `resource[.group]:path.of.keys`; a key with a dot in quotes, `*` for any key or element; or what is wrong. */
export function parseField(text: string): Field | string {
  const split = /^([a-z][a-z0-9.-]*):(.+)$/.exec(text)
  const path = split?.[2]?.match(/"[^"]*"|[^."]+|\.{2,}|"/g)
  const isWhole = path !== undefined && path !== null && path.join('.') === split?.[2]
  if (split?.[1] === undefined || !isWhole) return 'a field is written resource[.group]:path, such as configmaps:data.password'
  return { resource: split[1], path: path.map(part => (part.startsWith('"') ? part.slice(1, -1) : part)) }
}

/** A built-in by name; anything that is not a plain word is an RE2 expression; or what is wrong. */
export function parseMaskPattern(text: string): MaskPattern | string {
  if (builtins.includes(text)) return { kind: 'builtin', name: text }
  if (/^[A-Za-z0-9_-]+$/.test(text))
    return `unknown pattern${didYouMean(text, builtins)}; known: ${builtins.join(', ')}, or a regular expression`
  const problem = patternProblem(text)
  if (problem !== null) return problem
  return matchesPattern(text, '') ? 'this expression matches the empty text' : { kind: 'expression', source: text }
}

/** `redact`, `null`, `keep-last-4` …; the schema has checked the words. */
export function parseMaskKind(text: string): MaskKind {
  switch (text) {
    case 'null':
    case 'keep-domain':
    case 'hash':
    case 'zero':
      return { kind: text }
    default: {
      const count = /^keep-last-(\d+)$/.exec(text)?.[1]
      return count === undefined ? { kind: 'redact' } : { kind: 'keep-last', count: Number(count) }
    }
  }
}

/** `schema.name` of a function as PostgreSQL would read it, or null. */
export function parseFunctionName(text: string): string | null {
  const parts = splitNames(text)
  return parts?.length === 2 && !parts.includes('*') ? parts.join('.') : null
}

/** Dotted names, unquoted ones folded to lower case; null when it is no such thing. */
function splitNames(text: string): readonly string[] | null {
  const parts: string[] = []
  let rest = text
  for (;;) {
    const part = /^(?:"((?:[^"]|"")+)"|(\*)|([\p{L}_][\p{L}\p{N}_$]*))(?:\.|$)/u.exec(rest)
    if (part === null) return null
    parts.push(part[1]?.replaceAll('""', '"') ?? part[2] ?? foldCase(part[3] ?? ''))
    if (rest.length === part[0].length) return part[0].endsWith('.') ? null : parts
    rest = rest.slice(part[0].length)
  }
}

/** PostgreSQL folds ASCII letters only in a multi-byte encoding. */
function foldCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => letter.toLowerCase())
}
