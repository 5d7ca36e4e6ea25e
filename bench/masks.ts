// What masks cost by themselves, without a network: rows of four columns with one masked, each kind, each kind of pattern. Processor time.
import type { MaskKind } from '../gateway/core/mask-rule.ts'
import type { MaskRule } from '../gateway/core/mask-rule.ts'
import type { Masker } from '../gateway/core/masker.ts'
import { assumedCatalog } from '../gateway/command/sql/catalog.ts'
import type { Catalog } from '../gateway/command/sql/catalog.ts'
import type { CopyPlan, MaskPlan } from '../gateway/command/sql/mask-plan.ts'
import { maskClosure } from '../gateway/command/sql/plan-mask-closure.ts'
import { ByteSink } from '../gateway/engine/postgres/byte-sink.ts'
import { openResultMask } from '../gateway/engine/postgres/result-mask.ts'
import { maskerFor } from '../gateway/mask/masker-for.ts'
import { patternNames } from '../gateway/mask/built-in-patterns.ts'
import { int16, int32, message, value } from '../gateway/wire/postgres/message-writer.ts'
import { someConnection, someIdentity } from '../test/mask/samples.ts'

const ROWS = 1_000
const ROUNDS = 5
const ROUND_MS = 400
const MIN_SPEED = 100
const MAX_ROW_US = 0.5

const kinds: readonly MaskKind[] = [
  { kind: 'redact' },
  { kind: 'null' },
  { kind: 'keep-last', count: 4 },
  { kind: 'keep-domain' },
  { kind: 'hash' },
  { kind: 'zero' },
]

const names = ['id', 'name', 'email', 'note']
const OID = 20_000

const catalog: Catalog = {
  ...assumedCatalog,
  isAssumed: false,
  relations: new Map([
    [
      OID,
      {
        oid: OID,
        schema: 'public',
        name: 'people',
        kind: 'r',
        owner: '',
        columns: names.map((name, index) => ({
          name,
          number: index + 1,
          typeOid: index === 0 ? 23 : 25,
          isGenerated: false,
          isNotNull: false,
          expression: null,
        })),
        parents: [],
        definition: null,
        rules: [],
        triggers: [],
        hasRowSecurity: false,
        readExpressions: [],
        writeExpressions: [],
        cascades: [],
        foreign: null,
      },
    ],
  ]),
}

const note = (index: number): string => `order ${index} was delivered on a Monday, and nobody complained about it afterwards`
const cells = (index: number, text = note(index)): readonly string[] => [
  String(index),
  `Name ${index}`,
  `user-${index * 7919}@mail.example`,
  text,
]

/** Prints a table; a row falls short below 100 MB/s or above half a microsecond a row. */
export function benchMasks(): void {
  console.log('### Masks alone\n')
  console.log(
    `One masked text column in a row of four (about 150 bytes), processor time, best of ${ROUNDS} rounds. Patterns: all built-in ones over every text cell.\n`,
  )
  console.log('| what | MB/s | us/row | goal | |')
  console.log('|---|--:|--:|---|---|')
  const plan: MaskPlan = { kind: 'tainted', rule: 0, columns: names.map(() => ({ kind: 'pass' })), rest: null, copy: null }
  for (const kind of kinds) tell(`SELECT, ${shown(kind)}`, rowSpeed(plan, maskerOf(kind), cells), true)
  tell('SELECT, tainted statement without a masked column in its result', rowSpeed(plan, maskerOf({ kind: 'redact' }), cells, 0), false)
  const copy: CopyPlan = { format: 'text', delimiter: '\t', nullText: '\\N', quote: '"', escape: '"', hasHeader: false, columns: copied }
  for (const kind of kinds) tell(`COPY, ${shown(kind)}`, copySpeed({ ...plan, copy }, maskerOf(kind)), true)
  const patterns = maskerOf({ kind: 'redact' }, patternNames)
  tell(
    'patterns, nothing to find',
    rowSpeed({ kind: 'clean' }, patterns, index => ['1', `Name ${index}`, 'plain words', note(index)]),
    false,
  )
  tell('patterns, an address in every row', rowSpeed({ kind: 'clean' }, patterns, cells), false)
  console.log('')
}

const copied: CopyPlan['columns'] = names.map((_, index) => (index === 2 ? { kind: 'mask', rule: 0, typeOid: 25 } : { kind: 'pass' }))

interface Speed {
  readonly mb: number
  readonly us: number
}

function tell(what: string, { mb, us }: Speed, hasGoal: boolean): void {
  const isMet = mb >= MIN_SPEED && us <= MAX_ROW_US
  const goal = hasGoal
    ? `>= ${MIN_SPEED} MB/s or <= ${MAX_ROW_US} us | ${isMet ? 'met' : mb >= MIN_SPEED || us <= MAX_ROW_US ? 'met in part' : 'SHORT'}`
    : ' | '
  console.log(`| ${what} | ${mb.toFixed(0)} | ${us.toFixed(2)} | ${goal} |`)
}

function rowSpeed(plan: MaskPlan, masker: Masker, rowOf: (index: number) => readonly string[], tableOid = OID): Speed {
  const mask = openResultMask(plan, masker, maskClosure(catalog, masker.columns))
  mask?.onRowDescription(description(tableOid))
  const rows = Array.from({ length: ROWS }, (_, index) => message(0x44, [int16(4), ...rowOf(index).map(cell => value(Buffer.from(cell)))]))
  const bytes = Buffer.concat(rows)
  const out = new ByteSink(bytes.length * 2)
  return speedOf(bytes.length, () => {
    out.length = 0
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + bytes.readInt32BE(at + 1)
      if (mask?.maskRowAt(bytes, at, end, out) !== true) out.length += 0
      at = end
    }
  })
}

function copySpeed(plan: MaskPlan, masker: Masker): Speed {
  const mask = openResultMask(plan, masker, maskClosure(catalog, masker.columns))
  mask?.onCopyOut(message(0x48, [Buffer.of(0), int16(4), int16(0), int16(0), int16(0), int16(0)]))
  const lines = Array.from({ length: ROWS }, (_, index) => message(0x64, [Buffer.from(`${cells(index).join('\t')}\n`)]))
  const out = new ByteSink(1 << 20)
  return speedOf(
    lines.reduce((sum, { length }) => sum + length, 0),
    () => {
      out.length = 0
      for (const line of lines) mask?.maskCopyData(line, out)
    },
  )
}

function speedOf(bytes: number, run: () => void): Speed {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    let runs = 0
    const from = process.cpuUsage()
    const startedMs = performance.now()
    while (performance.now() - startedMs < ROUND_MS) {
      run()
      runs += 1
    }
    const { user } = process.cpuUsage(from)
    best = Math.min(best, user / runs)
  }
  return { mb: bytes / best, us: best / ROWS }
}

function description(tableOid: number): Buffer {
  const fields = names.flatMap((name, index) => [
    name,
    int32(tableOid),
    int16(tableOid === 0 ? 0 : index + 1),
    int32(index === 0 ? 23 : 25),
    int16(-1),
    int32(-1),
    int16(0),
  ])
  return message(0x54, [int16(names.length), ...fields])
}

function maskerOf(kind: MaskKind, patterns: readonly string[] = []): Masker {
  const rule: MaskRule = {
    name: 'pii',
    on: null,
    columns: [{ schema: 'public', table: 'people', column: 'email' }],
    patterns: patterns.map(name => ({ kind: 'builtin', name })),
    fields: [],
    with: kind,
    unless: [],
    inference: 'allow',
  }
  return maskerFor([rule], Buffer.alloc(32, 1))(someIdentity, someConnection)
}

function shown(kind: MaskKind): string {
  return kind.kind === 'keep-last' ? `keep-last-${kind.count}` : kind.kind
}
