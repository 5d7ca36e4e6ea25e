// PostgreSQL's own functions, operators and types, as of version 18. A name that is not here is not known to be harmless.
import type { SqlEffect } from '../../core/command.ts'
import { specialBuiltins } from './builtin-effects.ts'
import names from './builtin-names.json' with { type: 'json' }

const computing: ReadonlySet<string> = new Set(Object.values(names.functions).flatMap(line => line.split(' ')))
const symbols: ReadonlySet<string> = new Set(Object.values(names.symbols).flatMap(line => line.split(' ')))
const operators: ReadonlySet<string> = new Set(names.operators.split(' '))
const types: ReadonlyMap<string, number> = new Map(Object.entries(names.types))
const elements: ReadonlyMap<number, number> = new Map(
  [...types].filter(([name]) => name.startsWith('_')).map(([name, oid]) => [oid, types.get(name.slice(1)) ?? 0] as const),
)
const none: readonly SqlEffect[] = []

/** What calling this function of pg_catalog does beyond reading; null when the name is not known. */
export function effectsOfBuiltin(name: string): readonly SqlEffect[] | null {
  return specialBuiltins.get(name) ?? (computing.has(name) ? none : null)
}

export function isBuiltinOperator(name: string): boolean {
  return operators.has(name)
}

/** The oid of a type of pg_catalog, the same on every server; null when the name is not known. */
export function oidOfBuiltinType(name: string): number | null {
  return types.get(name) ?? null
}

/** A function inside the server that only computes, by the name of its C code. */
export function isComputingSymbol(symbol: string): boolean {
  return symbols.has(symbol)
}

/** The type of the elements of an array type of pg_catalog: `_int4` holds `int4`. 0 = none. */
export function elementOfBuiltinType(oid: number): number {
  return elements.get(oid) ?? 0
}
