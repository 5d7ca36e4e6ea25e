import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { replay } from '../../cli/replay.ts'
import { readRecipient } from '../../gateway/record/age/age-keys.ts'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { auditor, auditorSecret, logIn, sealedStory, temporaryFolder, tellStory } from '../record/recordings.ts'
import { listening } from './recording-io.ts'

let root: string
let remove: () => void
let dir: string

before(async () => {
  ;({ dir: root, remove } = temporaryFolder())
  dir = path.join(root, 'rec')
  await sealedStory(dir)
})
after(() => remove())

describe('sallyport replay', () => {
  it('tells a session as psql showed it', async () => {
    const { io, stdout, stderr } = listening()
    assert.equal(await replay(dir, {}, io), 0)
    const text = stdout()
    assert.match(text, /-- session s-1: orders-db \(postgres\) as ci, psql\n/)
    assert.match(
      text,
      /orders-db=> SELECT id, email FROM customers\n id \| email\n----\+-------\n {2}1 \| •••\n {2}2 \|\n\(2 rows, 1 more not kept\)\n/,
    )
    assert.match(text, /orders-db=> DROP TABLE customers\nERROR: {2}sallyport: denied by rule no-ddl: Ask the DBA\.\n/)
    assert.match(text, /approved by dana at 2026-01-02T03:10:45\.000Z/)
    assert.match(text, /DELETE 48133\n/)
    assert.equal(stderr(), '')
  })

  it('gives JSON that is one object, every event in it', async () => {
    const { io, stdout } = listening()
    assert.equal(await replay(dir, { format: 'json' }, io), 0)
    const { schema, events } = JSON.parse(stdout()) as { schema: string; events: unknown[] }
    assert.equal(schema, 'sallyport/replay/v1')
    assert.deepEqual(
      events,
      readFileSync(path.join(dir, 'events.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as unknown),
    )
  })

  it('gives a terminal recording', async () => {
    const { io, stdout } = listening()
    assert.equal(await replay(dir, { format: 'cast' }, io), 0)
    const [header, ...frames] = stdout()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as unknown)
    assert.deepEqual(header, { version: 2, width: 120, height: 40, timestamp: 1767323045, title: 'Sallyport recording' })
    for (const frame of frames as [number, string, string][]) {
      assert.ok(frame[0] >= 0)
      assert.equal(frame[1], 'o')
      assert.doesNotMatch(frame[2], /[^\r]\n/)
    }
    assert.ok(frames.length > 10)
  })

  it('makes a page that verifies, and says that nobody signed the page itself', async () => {
    const { io, stdout } = listening()
    assert.equal(await replay(dir, { format: 'html' }, io), 0)
    const file = path.join(root, 'made.html')
    writeFileSync(file, stdout())
    const report = await verifyRecording(file)
    assert.equal(report.words, 'Intact')
    assert.ok(report.checked.some(line => line.startsWith('what the page shows: nobody signed it')))
    await assert.rejects(replay(dir, { format: 'html', session: 's-1' }, listening().io), { code: 'USAGE' })
  })

  it('shows one session only', async () => {
    const two = path.join(root, 'two')
    const { log } = logIn(two)
    tellStory(log, 's-1')
    tellStory(log, 's-2')
    await log.seal({ reason: 'finished' })
    const { io, stdout } = listening()
    assert.equal(await replay(two, { session: 's-2' }, io), 0)
    assert.match(stdout(), /session s-2/)
    assert.doesNotMatch(stdout(), /session s-1/)
    await assert.rejects(replay(two, { session: 's-3' }, listening().io), { code: 'USAGE' })
  })

  it('says first when what it shows was tampered with, and ends with status 1', async () => {
    const changed = path.join(root, 'changed')
    await sealedStory(changed)
    const file = path.join(changed, 'events.jsonl')
    writeFileSync(file, readFileSync(file, 'utf8').replace('DROP TABLE', 'DROP VIEW '))
    const { io, stderr } = listening()
    assert.equal(await replay(changed, {}, io), 1)
    assert.match(stderr(), /TAMPERED at line 8/)
  })

  it('shows a run that was cut short, and says so', async () => {
    const open = path.join(root, 'open')
    tellStory(logIn(open).log)
    const { io, stdout, stderr } = listening()
    assert.equal(await replay(open, {}, io), 0)
    assert.match(stderr(), /INCOMPLETE/)
    assert.match(stdout(), /DELETE 48133/)
  })

  it('refuses a format or a speed that is none', async () => {
    await assert.rejects(replay(dir, { format: 'pdf' }, listening().io), { code: 'USAGE' })
    for (const speed of [0, -1, Number.NaN]) await assert.rejects(replay(dir, { speed }, listening().io), { code: 'USAGE' })
  })
})

describe('sallyport replay of an encrypted recording', () => {
  let sealed: string
  let key: string
  before(async () => {
    sealed = path.join(root, 'sealed')
    key = path.join(root, 'auditor.txt')
    await sealedStory(sealed, { encryptTo: [auditor().recipient] })
    writeFileSync(key, `# auditor\n${auditorSecret}\n`)
  })

  it('asks for the identity of an auditor, and shows nothing without it', async () => {
    for (const format of ['text', 'json', 'cast', 'html']) {
      const { io, stdout } = listening()
      await assert.rejects(replay(sealed, { format }, io), { code: 'UNREADABLE', fix: /--identity FILE/ })
      assert.equal(stdout(), '')
    }
  })

  it('shows with it what a plain recording shows', async () => {
    for (const format of ['text', 'json', 'cast']) {
      const [plain, opened] = [listening(), listening()]
      assert.equal(await replay(dir, { format }, plain.io), 0)
      assert.equal(await replay(sealed, { format, identity: key }, opened.io), 0)
      assert.equal(withoutKeys(opened.stdout()), withoutKeys(plain.stdout()))
    }
  })

  it('refuses a file that holds no identity, and a stranger', async () => {
    const { io, stdout } = listening()
    writeFileSync(path.join(root, 'none.txt'), 'hunter2\n')
    await assert.rejects(replay(sealed, { identity: path.join(root, 'none.txt') }, io), { code: 'UNREADABLE' })
    await assert.rejects(replay(sealed, { identity: path.join(root, 'nothing.txt') }, io), {
      code: 'UNREADABLE',
      why: 'there is no such file',
    })
    const events = path.join(root, 'other')
    await sealedStory(events, { encryptTo: [readRecipient(await identityToRecipient(await generateX25519Identity()))] })
    await assert.rejects(replay(events, { identity: key }, io), { code: 'UNREADABLE', message: /keys\.age/ })
    assert.equal(stdout(), '')
  })
})

/** Two runs have two keys, and links that hang on them. */
function withoutKeys(text: string): string {
  return text.replaceAll(/"(?:prev|key)":"[^"]*"/g, '').replaceAll(/localhost\/\S+/g, '')
}
