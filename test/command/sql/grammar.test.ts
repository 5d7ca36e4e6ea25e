// Every kind of node of the grammar is decided: read, known to mean nothing by itself, or never made by the parser.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { bareKinds } from '../../../gateway/command/sql/node-kinds.ts'
import { loadSqlParser } from '../../../gateway/command/sql/parser.ts'
import { SqlReader } from '../../../gateway/command/sql/sql-reader.ts'
import { contextOf } from './reading-context.ts'

/** Nodes of analysed and planned trees, and of other programs' output: no text parses to them. */
const neverParsed = new Set(
  `ParseResult ScanResult ScanToken SummaryResult Table Function FilterColumn RawStmt Query TableFunc Var Param Aggref WindowFunc
   WindowFuncRunCondition SubscriptingRef FuncExpr OpExpr DistinctExpr NullIfExpr ScalarArrayOpExpr SubPlan AlternativeSubPlan
   FieldSelect FieldStore RelabelType CoerceViaIO ArrayCoerceExpr ConvertRowtypeExpr CaseTestExpr ArrayExpr RowCompareExpr
   JsonConstructorExpr JsonExpr JsonTablePath JsonTablePathScan JsonTableSiblingJoin MergeAction CoerceToDomain CoerceToDomainValue
   NextValueExpr InferenceElem ReturningExpr TargetEntry RangeTblRef FromExpr OnConflictExpr RangeTblEntry RTEPermissionInfo
   RangeTblFunction TableSampleClause WithCheckOption SortGroupClause WindowClause RowMarkClause SetOperationStmt InlineCodeBlock
   CallContext PLAssignStmt`.split(/\s+/),
)

const types = readFileSync(path.resolve(import.meta.dirname, '../../../node_modules/@pgsql/types/types.d.ts'), 'utf8')
const kinds = [...types.slice(0, types.indexOf('export interface')).matchAll(/^ {4}(\w+): \w+;/gm)].map(match => match[1] ?? '')

describe('the grammar of PostgreSQL 18', () => {
  before(loadSqlParser)

  it('has as many kinds of node as were looked at', () => {
    assert.ok(kinds.length > 250, `only ${kinds.length} kinds found in @pgsql/types`)
  })

  for (const kind of kinds) {
    const isParsed = !neverParsed.has(kind)
    it(isParsed ? `${kind} is decided` : `${kind}, which no text parses to, is not understood`, () => {
      const reader = new SqlReader(contextOf())
      reader.visit(kind, {})
      const isUnknown = (reader.reading.doubt ?? '').includes(`a ${kind} is not known`)
      // These two are read by the statement that holds them.
      if (kind === 'WithClause' || kind === 'CommonTableExpr') return assert.equal(reader.reading.certainty, 'partial')
      assert.equal(isUnknown, !isParsed)
      if (!isParsed) assert.ok(reader.reading.effects.has('unknown'))
    })
  }

  it('has a bare node only where the reader expects one', () => {
    const names = new Set(kinds)
    const expected: string[] = []
    for (const [, kind = '', body = ''] of types.matchAll(/^export interface (\w+) \{([^}]*)\}/gm)) {
      if (neverParsed.has(kind)) continue
      for (const [, field, type = ''] of body.matchAll(/(\w+)\??: (\w+)(?:\[\])?;/g)) {
        if (type !== 'Node' && names.has(type) && !neverParsed.has(type)) expected.push(`${kind}.${field}=${type}`)
      }
    }
    assert.deepEqual([...bareKinds].map(([field, kind]) => `${field}=${kind}`).toSorted(), expected.toSorted())
  })

  it('makes a statement with an unknown kind anywhere inside opaque', () => {
    const reader = new SqlReader(contextOf())
    reader.walk({ SelectStmt: { targetList: [{ ResTarget: { val: { NewExpression: { arg: {} } } } }] } })
    assert.equal(reader.reading.certainty, 'opaque')
    assert.ok(reader.reading.effects.has('unknown'))
  })
})
