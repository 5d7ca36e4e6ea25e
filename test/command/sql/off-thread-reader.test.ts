// Long texts read on a thread of their own: the same as here, in order, and nothing that ends the thread ends more than its own text.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { assumedCatalog } from '../../../gateway/command/sql/catalog.ts'
import { OffThreadReader } from '../../../gateway/command/sql/off-thread-reader.ts'
import { loadSqlParser, readAgain, readSql } from '../../../gateway/command/sql/read-sql.ts'
import type { SqlStatement } from '../../../gateway/command/sql/sql-statement.ts'
import { contextOf } from './reading-context.ts'

const context = contextOf(assumedCatalog)
const rows = Array.from({ length: 5_000 }, (_, at) => `(${at}, 'name ${at}', DEFAULT)`)
const long = {
  insert: `INSERT INTO orders VALUES ${rows.join(', ')}`,
  hidden: `INSERT INTO orders VALUES ${rows.join(', ')}, ((SELECT nobody_knows()))`,
  comment: `/* ${'x'.repeat(200_000)} */ DELETE FROM orders`,
  list: `SELECT 1 FROM orders WHERE id IN (${rows.map((_, at) => at).join(', ')}) AND item = 'x'`,
  broken: `SELECT '${'x'.repeat(100_000)}`,
  nested: `SELECT ${'('.repeat(60_000)}1${')'.repeat(60_000)}`,
  sums: `SELECT ${'1+'.repeat(60_000)}1`,
  several: `${'SELECT 1;\n'.repeat(8_000)} DROP TABLE orders`,
  executed: `/* ${'x'.repeat(70_000)} */ EXECUTE known`,
}

describe('the reader of long texts', () => {
  let reader: OffThreadReader
  let dir: string

  before(async () => {
    await loadSqlParser()
    reader = new OffThreadReader({ idleMs: 50 })
    dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-thread-'))
  })
  after(() => rmSync(dir, { recursive: true }))

  for (const [name, text] of Object.entries(long)) {
    it(`understands a text as it is understood here: ${name}`, async () => {
      const prepared = new Map([['known', readSql(Buffer.from('DELETE FROM orders'), context)[0] as SqlStatement]])
      const here = readSql(Buffer.from(text), { ...context, prepared })
      const there = await reader.read(Buffer.from(text), { ...context, prepared })
      assert.deepEqual(there.map(shown), here.map(shown))
    })
  }

  it('hands trees back without the bulk of their values, and they mean the same', async () => {
    const [short] = await reader.read(Buffer.from(long.insert), context)
    assert.ok(JSON.stringify(short?.node).length < 40_000)
    assert.deepEqual(readAgain(short as SqlStatement, context).command.effects, new Set(['write']))
    const [hidden] = await reader.read(Buffer.from(long.hidden), context)
    assert.match(JSON.stringify(hidden?.node), /nobody_knows/)
  })

  it('leaves out trees that are large all the same, and then nothing is believed of them under another context', async () => {
    const text = `SELECT 1 FROM orders WHERE ${Array.from({ length: 60_000 }, (_, at) => `id = ${at}`).join(' OR ')}`
    const [statement] = await reader.read(Buffer.from(text), context)
    assert.equal(statement?.command.certainty, 'parsed')
    assert.equal(statement.node, null)
    assert.equal(readAgain(statement, context).command.certainty, 'opaque')
  })

  it('answers in the order of asking, while the thread of its caller goes on', async () => {
    const order: string[] = []
    const big = `INSERT INTO orders VALUES ${Array.from({ length: 60_000 }, (_, at) => `(${at}, 'name ${at}')`).join(', ')}`
    const first = reader.read(Buffer.from(big), context).then(() => order.push('first'))
    const second = reader.read(Buffer.from(long.list), context).then(() => order.push('second'))
    await new Promise(resolve => setImmediate(resolve))
    readSql(Buffer.from('SELECT 1'), context)
    order.push('here')
    await Promise.all([first, second])
    assert.deepEqual(order, ['here', 'first', 'second'])
  })

  it('makes an opaque command of a text that takes too long, and reads the next one', async () => {
    const file = path.join(dir, 'slow.mjs')
    writeFileSync(file, `import { parentPort } from 'node:worker_threads'\nparentPort.on('message', () => { for (;;) {} })\n`)
    const slow = new OffThreadReader({ file, timeoutMs: 100 })
    for (const text of ['SELECT 1', 'SELECT 2']) {
      const [statement, ...others] = await slow.read(Buffer.from(text), context)
      assert.equal(statement?.command.certainty, 'opaque')
      assert.equal(statement.command.doubt, 'reading it took too long')
      assert.equal(statement.command.text, text)
      assert.equal(others.length, 0)
    }
  })

  it('makes an opaque command of a text that ends its thread, and reads the next one', async () => {
    const file = path.join(dir, 'dying.mjs')
    writeFileSync(
      file,
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', ({ text }) => {
         const words = Buffer.from(text).toString()
         if (words === 'exit') process.exit(3)
         if (words === 'throw') setImmediate(() => { throw new Error('gone') })
         else parentPort.postMessage({ failure: words })
       })`,
    )
    const dying = new OffThreadReader({ file, idleMs: 50 })
    const doubts: (string | null | undefined)[] = []
    for (const text of ['exit', 'throw', 'said']) doubts.push((await dying.read(Buffer.from(text), context))[0]?.command.doubt)
    assert.deepEqual(doubts, ['reading it took too much memory', 'reading it took too much memory', 'said'])
  })
})

function shown({ command, names, changesCatalog, changesSession, isTransactionControl, hasUnresolvedNames }: SqlStatement): unknown {
  return {
    command,
    names: names.map(change => [change.kind, change.name]),
    changesCatalog,
    changesSession,
    isTransactionControl,
    hasUnresolvedNames,
  }
}
