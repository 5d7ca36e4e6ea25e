// What reading SQL costs: a statement seen before, one that differs only in numbers, a new one; and the snapshot of a large catalog.
import { loadSqlParser } from '../gateway/command/sql/parser.ts'
import type { Catalog } from '../gateway/command/sql/catalog.ts'
import type { SqlContext } from '../gateway/command/sql/sql-statement.ts'
import { StatementCache } from '../gateway/command/sql/statement-cache.ts'
import { takeCatalog } from '../gateway/engine/postgres/catalog-snapshot.ts'
import { startPostgres } from '../world/postgres/server.ts'

const RELATIONS = 5_000
const ROUNDS = 5
/** The code is compiled while it runs: nothing is measured before it has been. */
const WARM_ROUNDS = 5
const TEXTS = 4_000
const MAX_SEEN_US = 2
const MAX_NEW_US = 100
const MAX_SNAPSHOT_MS = 500

/** Tables with keys, defaults, checks and an index each; a view over every tenth. */
const schema = `DO $$ BEGIN FOR i IN 1..${Math.round(RELATIONS / 1.1)} LOOP
  EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text DEFAULT ''x'', amount numeric CHECK (amount > 0), at timestamptz DEFAULT now())', i);
  IF i % 10 = 0 THEN EXECUTE format('CREATE VIEW v%s AS SELECT id, name FROM t%s WHERE amount > 1', i, i); END IF;
  IF i % 500 = 0 THEN COMMIT; END IF;
END LOOP; END $$`

export async function benchSql(): Promise<void> {
  await loadSqlParser()
  const server = await startPostgres({ settings: { max_locks_per_transaction: '1024' } })
  try {
    const database = await server.createDatabase(schema)
    console.log(
      '### Reading SQL\n\nThe catalog holds 5,000 relations. Processor time of the process, the median of 5 rounds of 4,000 texts after as many to warm up.\n',
    )
    console.log('| what | cost | goal | |\n|---|--:|---|---|')
    const { catalog, ms, stalled } = await snapshot(sql => server.query(database, sql))
    const context: SqlContext = {
      catalog,
      searchPath: ['public'],
      trustedFunctions: new Set(),
      standardConformingStrings: true,
      isUtf8: true,
      prepared: new Map(),
      cursors: new Map(),
    }
    const same = Array<string>(TEXTS).fill(textOf(1, 'name'))
    row('a statement seen before', reading(context, same), 'us', MAX_SEEN_US)
    row(
      'the same but for its integers',
      reading(
        context,
        numbered((_, at) => textOf(at, 'name')),
      ),
      'us',
      MAX_SEEN_US,
    )
    row(
      `a new one of ${textOf(1, 'c1').length} bytes`,
      reading(
        context,
        numbered((_, at) => textOf(1, `c${at}x`)),
      ),
      'us',
      MAX_NEW_US,
    )
    row('the snapshot of the catalog', ms, 'ms', MAX_SNAPSHOT_MS)
    console.log(`| the longest wait of another session meanwhile | ${stalled.toFixed(0)} ms | | |`)
  } finally {
    await server.stop()
  }
}

/** About 300 bytes, as an application writes them. */
function textOf(number: number, column: string): string {
  return `SELECT o.id, o.name, o.amount, c.name AS ${column}, count(*) OVER (PARTITION BY o.id) AS n FROM t1 o JOIN t2 c ON c.id = o.id
LEFT JOIN t3 d ON d.id = c.id WHERE o.id = ${number} AND o.amount BETWEEN 10 AND ${number} AND c.at > now() AND d.name IS NOT NULL
GROUP BY o.id, o.name, o.amount, c.name ORDER BY o.amount DESC LIMIT 50`
}

function numbered(text: (_: unknown, at: number) => string): readonly string[] {
  return Array.from({ length: TEXTS }, text)
}

/** Microseconds for one text, through a cache that has seen the first of them. */
function reading(context: SqlContext, texts: readonly string[]): number {
  const bytes = texts.map(text => Buffer.from(text))
  const rounds = Array.from({ length: WARM_ROUNDS + ROUNDS }, () => {
    const cache = new StatementCache()
    const first = bytes[0]
    if (first !== undefined) cache.read(first, context)
    const before = process.cpuUsage()
    for (const text of bytes) cache.read(text, context)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / bytes.length
  })
  return median(rounds.slice(WARM_ROUNDS))
}

/** Takes the snapshot while another session asks something small again and again. */
async function snapshot(query: (sql: string) => Promise<(string | null)[][]>): Promise<{ catalog: Catalog; ms: number; stalled: number }> {
  let catalog = await takeCatalog(query, 1)
  const times: number[] = []
  let stalled = 0
  for (let round = 0; round < ROUNDS; round++) {
    const at = { isOver: false }
    const other = (async (): Promise<void> => {
      while (!at.isOver) {
        const asked = performance.now()
        await new Promise(resolve => setImmediate(resolve))
        stalled = Math.max(stalled, performance.now() - asked)
      }
    })()
    const began = performance.now()
    catalog = await takeCatalog(query, round + 2)
    times.push(performance.now() - began)
    at.isOver = true
    await other
  }
  return { catalog, ms: median(times), stalled }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function row(name: string, cost: number, unit: string, goal: number): void {
  const digits = unit === 'us' ? 2 : 0
  console.log(`| ${name} | ${cost.toFixed(digits)} ${unit} | <= ${goal} ${unit} | ${cost <= goal ? 'met' : 'FALLS SHORT'} |`)
}
