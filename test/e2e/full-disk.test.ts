// A recording that cannot grow: the client is told, the session ends, and nothing reaches the server unrecorded.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openExecStage, root, run, type ExecStage } from './exec-stage.ts'

/** Kilobytes a file may have; the log is full after some hundred statements. */
const LIMIT = 600
const STATEMENTS = 1500

describe('a recording that cannot be written', () => {
  let stage: ExecStage
  before(async () => {
    stage = await openExecStage()
    await stage.postgres.query(stage.database, 'CREATE TABLE marks (mark text); GRANT ALL ON marks TO ci')
  })
  after(() => stage.close())

  it('stops the client with 58030, and what did run is recorded', async () => {
    const script = path.join(stage.dir, 'many.sql')
    const padding = 'x'.repeat(600)
    writeFileSync(script, Array.from({ length: STATEMENTS }, (_, n) => `INSERT INTO marks VALUES ('mark-${n}-${padding}');`).join('\n'))
    const config = stage.writePolicy()
    const token = stage.writeToken()
    const cli = path.join(root, 'dist/cli.mjs')
    const exec = `ulimit -f ${LIMIT}; exec "$0" "${cli}" exec --config "${config}" --token-file "${token}" --out rec -- psql -X -q -v VERBOSITY=verbose -v ON_ERROR_STOP=1 -f "${script}"`
    const ran = await run('bash', ['-c', exec, process.execPath], stage.dir, { ORDERS_PASSWORD: stage.password })
    assert.notEqual(ran.status, 0)
    assert.match(ran.stderr, /58030/)
    assert.match(ran.stderr, /the recording cannot be (written|continued)|cannot write the recording/i)
    const inServer = (await stage.postgres.query(stage.database, 'SELECT mark FROM marks')).map(([mark]) => (mark ?? '').split('-')[1])
    const recorded = new Set([...readFileSync(path.join(stage.dir, 'rec/events.jsonl'), 'utf8').matchAll(/mark-(\d+)-/g)].map(([, n]) => n))
    assert.ok(inServer.length > 50 && inServer.length < STATEMENTS, `${inServer.length} statements ran`)
    assert.deepEqual(
      inServer.filter(n => !recorded.has(n)),
      [],
    )
    const verified = await stage.sallyport(['verify', path.join(stage.dir, 'rec')])
    assert.equal(verified.status, 1)
    assert.match(verified.stdout + verified.stderr, /INCOMPLETE/)
  })
})
