// The masks of one session: plans every message under the session's context, and opens what masks each answer.
import { assumedCatalog } from '../../command/sql/catalog.ts'
import type { Catalog } from '../../command/sql/catalog.ts'
import type { ErrorNames } from '../../command/sql/closure-names.ts'
import type { MaskPlan } from '../../command/sql/mask-plan.ts'
import { cleanPlan } from '../../command/sql/mask-plan.ts'
import { maskClosure } from '../../command/sql/plan-mask-closure.ts'
import type { MaskClosure, StoredColumn } from '../../command/sql/plan-mask-closure.ts'
import { copyOfPatterns } from '../../command/sql/plan-mask-copy.ts'
import { planMasks } from '../../command/sql/plan-mask.ts'
import type { SqlContext, SqlStatement } from '../../command/sql/sql-statement.ts'
import { isTree } from '../../command/sql/syntax-tree.ts'
import { Refusal } from '../../core/errors.ts'
import type { Masker } from '../../core/masker.ts'
import type { MaskDesk, MaskDeskFor } from './mask-desk.ts'
import { coverMessage, emptyNotification, scrubConstraintError, scrubMessage } from './error-scrub.ts'
import { noMasks } from './mask-desk.ts'
import { openResultMask, ResultMask } from './result-mask.ts'

/** Closures by catalog and rules: sessions of one connection share them. */
const closures = new WeakMap<Catalog, Map<string, MaskClosure>>()

/** What columns of tables were found to hold, by all sessions of one connection and identity: see `lostColumns`. */
const found = new WeakMap<Masker, Map<string, StoredColumn>>()

const nothingMasked: MaskClosure = maskClosure(assumedCatalog, [])

/** While no catalog is known any relation may be masked, and no name is known to be one. */
const allMasked: ErrorNames = {
  isRelation: () => false,
  isColumn: () => false,
  isType: () => false,
  isConstraint: () => false,
  isSchema: () => false,
  isMasked: () => true,
}

/** For sessions whose policy masks something; others cost nothing. */
export const resultMaskDeskFor: MaskDeskFor = conversation => {
  const { masker } = conversation.session
  if (masker.columns.length === 0 && masker.text === null) return noMasks
  const desk = new ResultMaskDesk(masker)
  return {
    plan: statements => desk.plan(statements, conversation.context.sql),
    cover: (statements, message) => desk.cover(statements, message, conversation.context.sql),
    coverNotification: (message, isOwn) => desk.coverNotification(message, isOwn, conversation.context.sql),
    endTransaction: () => desk.endTransaction(),
  }
}

interface Known {
  readonly catalog: Catalog | null
  readonly searchPath: readonly string[] | null
  readonly plan: MaskPlan
}

class ResultMaskDesk {
  readonly #masker: Masker
  readonly #rulesKey: string
  /** Plans by tree, where they depend on nothing but the catalog and the path: texts of one shape have one tree. */
  readonly #plans = new WeakMap<object, Known>()
  #closure: MaskClosure | null = null
  /** A statement of the transaction under way touched masked columns: what deferred triggers say at its end may show them. */
  #isTainted = false
  /** A statement of this session wrote where masked columns are: triggers there may have notified with their values. */
  #hasWritten = false

  constructor(masker: Masker) {
    this.#masker = masker
    this.#rulesKey = JSON.stringify(
      masker.columns.map(({ rule, schema, table, column, inference }) => [rule, schema, table, column, inference]),
    )
  }

  plan(statements: readonly SqlStatement[], context: SqlContext): ReturnType<MaskDesk['plan']> {
    const closure = this.#closureOf(context)
    const plans = this.#plansOf(statements, context, closure)
    const refused = plans.find(plan => plan.kind === 'refuse')
    if (refused !== undefined && refused.kind === 'refuse') {
      return { refusal: this.#refusal(refused.rule, refused.reason, refused.hint), open: () => null }
    }
    return { refusal: null, open: index => this.#open(statements[index], plans[index] ?? cleanPlan, closure) }
  }

  cover(statements: readonly SqlStatement[] | null, message: Buffer, context: SqlContext): Buffer {
    const { columns, text } = this.#masker
    let covered = message
    if (columns.length > 0) {
      const closure = this.#closureOf(context)
      const isTainted = this.#isTainted || this.#plansOf(statements ?? [], context, closure).some(plan => plan.kind !== 'clean')
      covered = isTainted ? scrubMessage(message, closure ?? nothingMasked) : scrubConstraintError(message, closure ?? allMasked)
    }
    return text === null ? covered : coverMessage(covered, text)
  }

  /** What other sessions notify with is not known to be clean; neither is what triggers of this one do. */
  coverNotification(message: Buffer, isOwn: boolean, context: SqlContext): Buffer {
    const { columns, text } = this.#masker
    const mayShow = columns.length === 0 || this.#closureOf(context)?.isEmpty === true || (isOwn && !this.#hasWritten)
    const covered = mayShow ? message : emptyNotification(message)
    return text === null ? covered : coverMessage(covered, text)
  }

  endTransaction(): void {
    this.#isTainted = false
  }

  /** While the catalog is being renewed the last one holds, and a name may mean an object of any schema. */
  #closureOf(context: SqlContext): MaskClosure | null {
    const { catalog } = context
    if (catalog === null || this.#closure?.catalog === catalog) return this.#closure
    const shared = closures.get(catalog) ?? new Map<string, MaskClosure>()
    closures.set(catalog, shared)
    const key = `${this.#rulesKey}\0${[...context.trustedFunctions].toSorted().join('\0')}`
    const closure = shared.get(key) ?? maskClosure(catalog, this.#masker.columns, context.trustedFunctions)
    shared.set(key, closure)
    const lost = lostColumns(this.#masker, closure)
    this.#closure = lost.length === 0 ? closure : maskClosure(catalog, this.#masker.columns, context.trustedFunctions, lost)
    return this.#closure
  }

  #plansOf(statements: readonly SqlStatement[], context: SqlContext, closure: MaskClosure | null): readonly MaskPlan[] {
    if (this.#masker.columns.length === 0) return statements.map(() => cleanPlan)
    if (closure === null) {
      return statements.map(() => ({ kind: 'refuse', rule: 0, reason: 'the catalog of the target is not known', hint: 'try again' }))
    }
    const now = context.catalog === null ? { ...context, searchPath: null } : context
    const [only] = statements
    if (only === undefined || statements.length > 1 || only.names.length > 0) return planMasks(statements, closure, now)
    const tree = isTree(only.node) ? only.node : only
    const known = this.#plans.get(tree)
    if (known !== undefined && known.catalog === closure.catalog && known.searchPath === now.searchPath) return [known.plan]
    const plans = planMasks(statements, closure, now)
    const [plan] = plans
    if (plan !== undefined) this.#plans.set(tree, { catalog: closure.catalog, searchPath: now.searchPath, plan })
    return plans
  }

  #open(statement: SqlStatement | undefined, plan: MaskPlan, closure: MaskClosure | null): ResultMask | null {
    const copy = this.#masker.text === null || statement === undefined ? null : copyOfPatterns(statement.node)
    if (closure === null) return openResultMask(plan, this.#masker, nothingMasked, copy)
    if (plan.kind === 'tainted') {
      this.#isTainted = true
      this.#hasWritten ||= statement === undefined || !isReadOnly(statement)
    }
    const mask = openResultMask(plan, this.#masker, closure, copy)
    if (mask !== null || closure.isEmpty || statement === undefined || isReadOnly(statement)) return mask
    // A constraint that fails may name the row of a masked table that this statement never mentioned.
    return new ResultMask(plan, this.#masker, closure)
  }

  #refusal(rule: number, reason: string, hint: string): Refusal {
    const name = this.#masker.columns[rule]?.rule ?? 'masks'
    return new Refusal('MASK_UNPROVEN', name, `refused by mask ${name}: ${reason}`, { why: reason, fix: hint })
  }
}

/**
 * Columns of tables that held masked values and by this catalog do not: they have other names now, left the hierarchy that masked them, lost
 * the default, function or key that told where their values are from, or the view they were filled by is another. Their rows are the same.
 */
function lostColumns(masker: Masker, now: MaskClosure): readonly StoredColumn[] {
  const known = found.get(masker) ?? new Map<string, StoredColumn>()
  found.set(masker, known)
  const lost = [...known.values()].filter(
    ({ relationOid, column }) => now.columnTaint(relationOid, column) === null && now.isKnown(relationOid, column),
  )
  for (const one of now.stored) known.set(`${one.relationOid}.${one.column}`, one)
  return lost
}

function isReadOnly(statement: SqlStatement): boolean {
  return [...statement.command.effects].every(effect => effect === 'read' || effect === 'session' || effect === 'lock')
}
