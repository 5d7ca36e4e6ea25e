// Walks a parsed CEL expression before it may run: every name known, loops shallow, patterns literal, the result boolean.
import type { parse } from '@bufbuild/cel'
import { didYouMean } from './closest.ts'
import type { Names } from './condition-scope.ts'

export type Expression = ReturnType<typeof parse>['expr']
type Call = Extract<Expression['exprKind'], { case: 'callExpr' }>['value']
type Comprehension = Extract<Expression['exprKind'], { case: 'comprehensionExpr' }>['value']

const MAX_LOOP_DEPTH = 2
const MAX_DEPTH = 100
const MAX_LIST = 1000

/** Operators of CEL as the parser names them, beside the functions of the library. */
const operators = new Set(['_&&_', '_||_', '_?_:_', '_[_]', '!_', '@not_strictly_false', '__not_strictly_false__'])
const booleanCalls = new Set(
  '_&&_ _||_ !_ _==_ _!=_ _<_ _<=_ _>_ _>=_ @in _in_ matches contains startsWith endsWith bool _?_:_ _[_] dyn'.split(' '),
)
const typeNames = new Set(['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint'])

export interface Facts {
  /** `claims`, `identity`, `connection`, `run`, `command`: those it names. */
  readonly roots: ReadonlySet<string>
  /** First claim names it reads: `repository_id`. */
  readonly claims: ReadonlySet<string>
}

interface Library {
  isFunction(name: string): boolean
  patternProblem(source: string): string | null
}

/** All that is wrong with the expression, and what it names. */
export function checkExpression(expression: Expression, names: Names, library: Library): { facts: Facts; problems: readonly string[] } {
  const walk = new Walk(names, library)
  walk.visit(expression, new Set(), 0, 0)
  if (walk.problems.size === 0 && !mayBeBoolean(expression)) walk.problems.add('the condition must be true or false, this is neither')
  return { facts: { roots: walk.roots, claims: walk.claims }, problems: [...walk.problems] }
}

class Walk {
  readonly problems = new Set<string>()
  readonly roots = new Set<string>()
  readonly claims = new Set<string>()
  readonly #names: Names
  readonly #library: Library

  constructor(names: Names, library: Library) {
    this.#names = names
    this.#library = library
  }

  visit(expression: Expression | undefined, bound: ReadonlySet<string>, loops: number, depth: number): void {
    if (expression === undefined) return
    if (depth > MAX_DEPTH) {
      this.problems.add('the condition is nested too deeply')
      return
    }
    const kind = expression.exprKind
    switch (kind.case) {
      case 'constExpr':
      case undefined:
        return
      case 'identExpr':
        this.#visitName(kind.value.name, bound)
        return
      case 'selectExpr':
        this.#visitField(kind.value.operand, kind.value.field, bound)
        this.visit(kind.value.operand, bound, loops, depth + 1)
        return
      case 'callExpr':
        this.#visitCall(kind.value, bound, loops, depth)
        return
      case 'listExpr':
        if (kind.value.elements.length > MAX_LIST) this.problems.add(`a list has at most ${MAX_LIST} elements`)
        for (const element of kind.value.elements) this.visit(element, bound, loops, depth + 1)
        return
      case 'structExpr':
        if (kind.value.messageName !== '') this.problems.add(`unknown type "${kind.value.messageName}"`)
        for (const entry of kind.value.entries) {
          if (entry.keyKind.case === 'mapKey') this.visit(entry.keyKind.value, bound, loops, depth + 1)
          this.visit(entry.value, bound, loops, depth + 1)
        }
        return
      case 'comprehensionExpr':
        this.#visitLoop(kind.value, bound, loops, depth)
    }
  }

  #visitName(name: string, bound: ReadonlySet<string>): void {
    if (bound.has(name) || typeNames.has(name)) return
    if (this.#names.has(name)) this.roots.add(name)
    else this.problems.add(`unknown name "${name}"${didYouMean(name, this.#names.keys())}`)
  }

  /** `command.namspace`: fields of everything but claims are known; a claim is only noted. */
  #visitField(operand: Expression | undefined, field: string, bound: ReadonlySet<string>): void {
    if (operand?.exprKind.case !== 'identExpr') return
    const { name } = operand.exprKind.value
    if (bound.has(name)) return
    if (name === 'claims') this.claims.add(field)
    const fields = this.#names.get(name)
    if (fields === undefined || fields === null || fields.has(field)) return
    this.problems.add(`unknown name "${name}.${field}"${didYouMean(field, fields)}`)
  }

  #visitCall(call: Call, bound: ReadonlySet<string>, loops: number, depth: number): void {
    const name = call.function
    if (name === '_[_]') this.#visitIndex(call, bound)
    else if (name === 'matches') this.#visitMatches(call)
    else if (!operators.has(name) && !this.#library.isFunction(name)) this.problems.add(`unknown function "${name}"`)
    if (name.startsWith('@') && !operators.has(name) && name !== '@in') this.problems.add(`unknown function "${name}"`)
    this.visit(call.target, bound, loops, depth + 1)
    for (const argument of call.args) this.visit(argument, bound, loops, depth + 1)
  }

  #visitIndex(call: Call, bound: ReadonlySet<string>): void {
    const [operand, index] = call.args
    const literal = index === undefined ? null : stringOf(index)
    if (literal !== null) {
      this.#visitField(operand, literal, bound)
      return
    }
    if (operand?.exprKind.case !== 'identExpr') return
    const { name } = operand.exprKind.value
    const fields = this.#names.get(name)
    if (!bound.has(name) && fields !== undefined && fields !== null) this.problems.add(`${name}[…] needs a literal name`)
  }

  #visitMatches(call: Call): void {
    const pattern = call.args.at(-1)
    const literal = pattern === undefined ? null : stringOf(pattern)
    const problem = literal === null ? 'the expression of matches() must be a literal text' : this.#library.patternProblem(literal)
    if (problem !== null) this.problems.add(problem)
  }

  #visitLoop(loop: Comprehension, bound: ReadonlySet<string>, loops: number, depth: number): void {
    if (loops + 1 > MAX_LOOP_DEPTH) this.problems.add(`exists, all, map and filter may be nested ${MAX_LOOP_DEPTH} deep`)
    this.visit(loop.iterRange, bound, loops, depth + 1)
    this.visit(loop.accuInit, bound, loops, depth + 1)
    const inner = new Set([...bound, loop.iterVar, loop.iterVar2, loop.accuVar])
    for (const part of [loop.loopCondition, loop.loopStep, loop.result]) this.visit(part, inner, loops + 1, depth + 1)
  }
}

function stringOf(expression: Expression): string | null {
  if (expression.exprKind.case !== 'constExpr') return null
  const { constantKind } = expression.exprKind.value
  return constantKind.case === 'stringValue' ? constantKind.value : null
}

/** False for what is surely not a boolean; the rest shows when it runs, and is an error then. */
function mayBeBoolean(expression: Expression): boolean {
  const kind = expression.exprKind
  switch (kind.case) {
    case 'constExpr':
      return kind.value.constantKind.case === 'boolValue'
    case 'callExpr':
      return booleanCalls.has(kind.value.function)
    case 'listExpr':
    case 'structExpr':
    case undefined:
      return false
    case 'identExpr':
      return !typeNames.has(kind.value.name) && !['claims', 'identity', 'connection', 'run', 'command'].includes(kind.value.name)
    case 'selectExpr':
    case 'comprehensionExpr':
      return true
  }
}

/** The operands of the outermost &&, in order. */
export function conjunctsOf(expression: Expression): readonly Expression[] {
  const kind = expression.exprKind
  return kind.case === 'callExpr' && kind.value.function === '_&&_' ? kind.value.args.flatMap(conjunctsOf) : [expression]
}

/**
 * Puts a meter on every loop: its condition becomes `@spend(cost) && condition`, which ends the loop when the budget is gone.
 * Changes the expression in place; returns the number of its nodes.
 */
export function meterLoops(expression: Expression | undefined): number {
  if (expression === undefined) return 0
  const kind = expression.exprKind
  const sum = (parts: readonly (Expression | undefined)[]): number => parts.reduce((total, part) => total + meterLoops(part), 1)
  switch (kind.case) {
    case 'selectExpr':
      return sum([kind.value.operand])
    case 'callExpr':
      return sum([kind.value.target, ...kind.value.args])
    case 'listExpr':
      return sum(kind.value.elements)
    case 'structExpr':
      return sum(kind.value.entries.flatMap(entry => [entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined, entry.value]))
    case 'comprehensionExpr': {
      const loop = kind.value
      const cost = sum([loop.loopCondition, loop.loopStep])
      if (loop.loopCondition !== undefined) loop.loopCondition = call('_&&_', [call('@spend', [integer(cost)]), loop.loopCondition])
      return cost + sum([loop.iterRange, loop.accuInit, loop.result])
    }
    case 'constExpr':
    case 'identExpr':
    case undefined:
      return 1
  }
}

function call(name: string, args: Expression[]): Expression {
  return {
    $typeName: 'cel.expr.Expr',
    id: 0n,
    exprKind: { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: name, args } },
  }
}

function integer(value: number): Expression {
  return {
    $typeName: 'cel.expr.Expr',
    id: 0n,
    exprKind: { case: 'constExpr', value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'int64Value', value: BigInt(value) } } },
  }
}
