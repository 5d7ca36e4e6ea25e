// One `when:` of the policy: CEL behind an adapter. Checked whole when the file is loaded, bounded when it runs.
// CEL: https://github.com/google/cel-spec. What it may name is fixed in condition-scope.ts.
import { CelScalar, celEnv, celFunc, isCelError, parse, plan, unparse } from '@bufbuild/cel'
import { checkExpression, conjunctsOf, meterLoops } from './condition-check.ts'
import type { Expression, Facts } from './condition-check.ts'
import type { Names, Scope } from './condition-scope.ts'
import { matchesPattern, patternProblem } from './expression.ts'

/** Longest expression, in bytes. */
const MAX_EXPRESSION_BYTES = 2048
/** Work one evaluation may do: a node inside a loop costs 1, a matched expression 1 for every 8 characters of text. */
const MAX_COST = 100_000
/** Longest text that `matches` reads. */
const MAX_MATCHED_CHARACTERS = 64 * 1024

export interface Condition {
  readonly source: string
  /** What the expression names. */
  readonly facts: Facts
  /** null = it could not be evaluated: a name is missing, a type differs, it is not a boolean, it cost too much. */
  evaluate(scope: Scope): boolean | null
  /** The condition for scopes that differ from this one in `command` only: what does not name it is evaluated now. */
  bind(scope: Scope): BoundCondition
  /** The parts joined by && that are not true here, as written in CEL; for people. */
  failing(scope: Scope): readonly string[]
}

export type BoundCondition =
  | { readonly kind: 'fixed'; readonly value: boolean | null }
  | { readonly kind: 'varying'; readonly evaluate: (scope: Scope) => boolean | null }

export type CompiledCondition = { readonly condition: Condition } | { readonly problems: readonly string[] }

type Parsed = ReturnType<typeof parse>

// Evaluation is synchronous and never nested, so one meter serves all.
let remaining = 0
let isExhausted = false

function spend(cost: number): boolean {
  remaining -= cost
  if (remaining < 0) isExhausted = true
  return !isExhausted
}

const environment = celEnv({
  funcs: [celFunc('@spend', [CelScalar.INT], CelScalar.BOOL, cost => spend(Number(cost)))],
  re2: {
    compile: source => ({
      test: text => {
        if (text.length > MAX_MATCHED_CHARACTERS) throw new Error('the text is too long to be matched')
        if (!spend(1 + (text.length >> 3))) return false
        return matchesPattern(source, text)
      },
    }),
  },
})

const library = { isFunction: (name: string) => environment.funcs.find(name) !== undefined, patternProblem }

interface Part {
  readonly words: string
  readonly namesCommand: boolean
  readonly run: (scope: Scope) => unknown
}

/** Compiles an expression over `names`, or says all that is wrong with it. */
export function compileCondition(source: string, names: Names): CompiledCondition {
  if (Buffer.byteLength(source) > MAX_EXPRESSION_BYTES) {
    return { problems: [`the condition is longer than ${MAX_EXPRESSION_BYTES} bytes`] }
  }
  let parsed: Parsed
  try {
    parsed = parse(source)
  } catch (error) {
    return { problems: [parseWords(error)] }
  }
  const expression = parsed.expr
  const { facts, problems } = checkExpression(expression, names, library)
  if (problems.length > 0) return { problems }
  const terms = conjunctsOf(expression)
  // The words of a term are taken before the loops get their meter.
  const words = terms.map(term => wordsOf(term, parsed))
  meterLoops(expression)
  const run = plan(environment, expression)
  const parts = terms.map((term, index): Part => ({
    words: words[index] ?? source,
    namesCommand: checkExpression(term, names, library).facts.roots.has('command'),
    run: plan(environment, term),
  }))
  return {
    condition: {
      source,
      facts,
      evaluate: scope => evaluate(run, scope),
      bind: scope => bind(parts, scope),
      failing: scope => parts.filter(part => evaluate(part.run, scope) !== true).map(part => part.words),
    },
  }
}

/** As CEL's && does: one false makes it false, whatever fails beside it. */
function allOf(parts: readonly Part[], scope: Scope, before: boolean | null): boolean | null {
  let value = before
  for (const part of parts) {
    const found = evaluate(part.run, scope)
    if (found === false) return false
    value = found === null ? null : value
  }
  return value
}

function bind(parts: readonly Part[], scope: Scope): BoundCondition {
  const varying = parts.filter(part => part.namesCommand)
  const fixed = allOf(
    parts.filter(part => !part.namesCommand),
    scope,
    true,
  )
  if (fixed === false || varying.length === 0) return { kind: 'fixed', value: fixed }
  return { kind: 'varying', evaluate: whole => allOf(varying, whole, fixed) }
}

function evaluate(run: (scope: Scope) => unknown, scope: Scope): boolean | null {
  remaining = MAX_COST
  isExhausted = false
  let value: unknown
  try {
    value = run(scope)
  } catch {
    // A deep value can exhaust the stack: an error like any other, and the rule's kind says what an error means.
    return null
  }
  return isExhausted || isCelError(value) || typeof value !== 'boolean' ? null : value
}

/** The part as it could have been written; macros such as exists() keep their form by the parser's notes. */
function wordsOf(term: Expression, parsed: Parsed): string {
  try {
    return unparse({ ...parsed, expr: term })
  } catch {
    return 'a part that cannot be written out'
  }
}

function parseWords(error: unknown): string {
  const at = /:(\d+):(\d+): found (\S+)/.exec(error instanceof Error ? error.message : '')
  return at === null
    ? 'the condition is not CEL'
    : `the condition is not CEL: ${at[3]} is not expected at its line ${at[1]}, column ${at[2]}`
}
