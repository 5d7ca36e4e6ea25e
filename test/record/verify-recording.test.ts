import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { openCheckpoint, signCheckpoint } from '../../gateway/record/checkpoint.ts'
import type { RecordingSource } from '../../gateway/record/recording-source.ts'
import { createSigner } from '../../gateway/record/signed-note.ts'
import { verifyRecording, verifySource } from '../../gateway/record/verify-recording.ts'
import { commandOf, logIn, openingOf, sealedStory, tellStory, temporaryFolder } from './recordings.ts'

type Files = Record<string, Buffer>

const names = ['checkpoint', 'checkpoints', 'events.jsonl', 'replay.html', 'statement.dsse.json']
let root: string
let removeRoot: () => void
let sealed: string
let key: string
let good: Files
let work: string

before(async () => {
  ;({ dir: root, remove: removeRoot } = temporaryFolder())
  sealed = path.join(root, 'sealed')
  ;({ key } = await sealedStory(sealed))
  good = filesOf(sealed)
})
after(() => removeRoot())
beforeEach(() => {
  work = path.join(root, 'work')
  rmSync(work, { recursive: true, force: true })
  cpSync(sealed, work, { recursive: true })
})

describe('verifying an intact recording', () => {
  it('says so, what was checked, and what nobody can check', async () => {
    const report = await verifyRecording(work)
    assert.equal(report.words, 'Intact')
    assert.deepEqual([report.verdict, report.line, report.wrong], ['intact', null, []])
    assert.equal(report.key, key)
    assert.equal(report.lines, 17)
    assert.deepEqual(report.counts, { sessions: 1, commands: 3, allowed: 1, denied: 1, asked: 1, approved: 1, masked: 2, errors: 1 })
    assert.equal(report.checked.length, 6)
    assert.ok(report.unchecked.some(line => line.includes('--key')))
  })

  it('pins the key when one is given', async () => {
    const report = await verifyRecording(work, { key })
    assert.equal(report.verdict, 'intact')
    assert.ok(report.isKeyPinned)
    assert.ok(!report.unchecked.some(line => line.includes('--key')))
  })

  it('reads a replay page, which is signed as a whole', async () => {
    const report = await verifyRecording(path.join(work, 'replay.html'), { key })
    assert.deepEqual([report.words, report.form, report.lines], ['Intact', 'page', 17])
    assert.ok(report.checked.includes('the signature of the page as a whole'))
    assert.ok(report.unchecked.includes('the statement: it lies beside the page'))
  })

  it('names what lies beside the recording and is none of it', async () => {
    writeFileSync(path.join(work, 'notes.txt'), 'x')
    const report = await verifyRecording(work)
    assert.equal(report.verdict, 'intact')
    assert.ok(report.unchecked.some(line => line.includes('notes.txt')))
  })

  it('reads a zip: stored, deflated, in a folder of its own, from a stream', async () => {
    const zips: Record<string, string[]> = { deflated: ['-qr', 'a.zip', '.'], stored: ['-qr0', 'b.zip', '.'] }
    for (const args of Object.values(zips)) {
      execFileSync('zip', args, { cwd: work })
      assert.equal((await verifyRecording(path.join(work, args[1]!))).words, 'Intact')
      rmSync(path.join(work, args[1]!))
    }
    execFileSync('zip', ['-qr', 'c.zip', 'work'], { cwd: root })
    const inFolder = await verifyRecording(path.join(root, 'c.zip'))
    assert.deepEqual([inFolder.words, inFolder.form, inFolder.lines], ['Intact', 'zip', 17])
    // Through a pipe zip cannot go back to write sizes, so they follow the data, and zip64 records appear.
    writeFileSync(path.join(root, 'd.zip'), execFileSync('sh', ['-c', 'zip -qr -fz - work | cat'], { cwd: root }))
    assert.equal((await verifyRecording(path.join(root, 'd.zip'))).words, 'Intact')
  })
})

describe('verifying a recording that was changed', () => {
  it('detects any single byte of any file, and names the line of the log', async () => {
    for (const name of names) {
      // Each run takes another share of the bytes. The page is held by its digest alone, so few of them stand for all.
      const step = name === 'replay.html' ? 97 : 5
      for (let at = Math.floor(Math.random() * step); at < good[name]!.length; at += step) {
        const bytes = Buffer.from(good[name]!)
        bytes[at]! ^= 1 << (at % 8)
        const report = await verifySource('changed', memory({ ...good, [name]: bytes }))
        assert.equal(report.verdict, 'tampered', `${name} byte ${at}`)
        if (name === 'events.jsonl') assert.ok(Math.abs(report.line! - lineAt(at)) <= (isInLink(at) ? 1 : 0), `byte ${at}: ${report.words}`)
      }
    }
  })

  it('detects every line dropped, doubled, swapped with the next', async () => {
    const lines = linesOf(good)
    for (let at = 0; at < lines.length; at += 1) {
      const [line, next] = [lines[at]!, lines[at + 1]]
      const dropped = await verifyLines(lines.toSpliced(at, 1))
      assert.deepEqual([dropped.verdict, dropped.line], ['tampered', at + 1], `dropped ${at + 1}`)
      const doubled = await verifyLines(lines.toSpliced(at, 0, line))
      assert.deepEqual([doubled.verdict, doubled.line], ['tampered', at + 2], `doubled ${at + 1}`)
      if (next === undefined) continue
      const swapped = await verifyLines(lines.toSpliced(at, 2, next, line))
      assert.deepEqual([swapped.verdict, swapped.line], ['tampered', at + 1], `swapped ${at + 1}`)
    }
  })

  it('detects the tail cut off at every line, and in the middle of every line', async () => {
    const lines = linesOf(good)
    for (let count = 0; count < lines.length; count += 1) {
      const kept = lines
        .slice(0, count)
        .map(line => `${line}\n`)
        .join('')
      for (const tail of ['', lines[count]!.slice(0, lines[count]!.length >> 1), lines[count]!]) {
        const report = await verifySource('cut', memory({ ...good, 'events.jsonl': Buffer.from(kept + tail) }))
        assert.equal(report.verdict, 'tampered')
        assert.equal(report.line, count + 1)
      }
    }
  })

  it('detects a tail cut off together with an older checkpoint and no statement: the run is not closed', async () => {
    const earlier = good['checkpoints']!.toString().match(/[^\n]+\n[^\n]+\n[^\n]+\n\n[^\n]+\n/g)!
    const size = Number(earlier[1]!.split('\n')[1])
    const files: Files = {
      'events.jsonl': Buffer.from(
        linesOf(good)
          .slice(0, size)
          .map(line => `${line}\n`)
          .join(''),
      ),
      checkpoints: Buffer.from(earlier[0]),
      checkpoint: Buffer.from(earlier[1]!),
    }
    const report = await verifySource('rolled back', memory(files))
    assert.deepEqual([report.verdict, report.words], ['incomplete', 'INCOMPLETE'])
  })

  it('detects each file taken away', async () => {
    for (const name of names) {
      const { [name]: _, ...rest } = good
      const report = await verifySource('less', memory(rest))
      assert.equal(report.verdict, name === 'statement.dsse.json' ? 'incomplete' : 'tampered', name)
    }
  })

  it('detects files exchanged between two runs', async () => {
    const other = path.join(root, 'other')
    rmSync(other, { recursive: true, force: true })
    await sealedStory(other)
    for (const name of names) {
      const report = await verifySource('mixed', memory({ ...good, [name]: filesOf(other)[name]! }))
      assert.equal(report.verdict, 'tampered', name)
    }
  })

  it('detects a forgery that is right in itself but signed by another key, when the key is given', async () => {
    const forged = path.join(root, 'forged')
    rmSync(forged, { recursive: true, force: true })
    await sealedStory(forged)
    assert.equal((await verifyRecording(forged)).verdict, 'intact')
    const report = await verifyRecording(forged, { key })
    assert.equal(report.verdict, 'tampered')
    assert.ok(!report.checked.some(line => line.includes('statement')))
  })

  it('detects checkpoints that are dropped, doubled, in another order, or forged', async () => {
    const notes = good['checkpoints']!.toString().match(/[^\n]+\n[^\n]+\n[^\n]+\n\n[^\n]+\n/g)!
    const forged = signCheckpoint({ origin: key.split('+')[0]!, size: 3, root: Buffer.alloc(32) }, createSigner(key.split('+')[0]!))
    for (const list of [notes.slice(1), [notes[0], ...notes], notes.toReversed(), [...notes, forged], []]) {
      const report = await verifySource('notes', memory({ ...good, checkpoints: Buffer.from(list.join('')) }))
      assert.equal(report.verdict, 'tampered')
    }
  })

  it('detects something added: a line, a byte, a cast', async () => {
    const lines = linesOf(good)
    const added = await verifyLines([...lines, JSON.stringify({ seq: 18, at: '', ms: 0, session: null, kind: 'error' })])
    assert.deepEqual([added.verdict, added.line], ['tampered', 18])
    const byte = await verifySource('byte', memory({ ...good, 'events.jsonl': Buffer.concat([good['events.jsonl']!, Buffer.from('x')]) }))
    assert.equal(byte.verdict, 'tampered')
    mkdirSync(path.join(work, 'sessions'))
    writeFileSync(path.join(work, 'sessions', 's-1.cast'), '{}')
    assert.equal((await verifyRecording(work)).verdict, 'tampered')
  })

  it('detects any change of a replay page: in what it shows, carries, runs, or in its signature', async () => {
    const page = good['replay.html']!
    const file = path.join(work, 'page.html')
    for (let at = 0; at < page.length; at += 149) {
      const bytes = Buffer.from(page)
      bytes[at]! ^= 1 << (at % 8)
      writeFileSync(file, bytes)
      const report = await verifyRecording(file).catch(() => null)
      assert.notEqual(report?.verdict, 'intact', `byte ${at}`)
    }
  })

  it('detects a page that lost its signature, in one byte of it or whole', async () => {
    const page = good['replay.html']!
    const start = page.lastIndexOf('<script')
    const file = path.join(work, 'page.html')
    writeFileSync(file, page.subarray(0, start))
    assert.equal((await verifyRecording(file)).verdict, 'tampered')
    for (let at = start; at < page.length; at += 1) {
      const bytes = Buffer.from(page)
      bytes[at]! ^= 1
      writeFileSync(file, bytes)
      assert.equal((await verifyRecording(file)).verdict, 'tampered', `byte ${at - start}`)
    }
  })

  it('says of a page that was made to look unsigned that nobody signed what it shows, and holds it against the recording inside', async () => {
    const page = good['replay.html']!.toString()
    const unsigned = page.slice(0, page.lastIndexOf('<script')).replace(' data-signed>', '>')
    writeFileSync(path.join(work, 'page.html'), unsigned)
    const report = await verifyRecording(path.join(work, 'page.html'))
    assert.equal(report.verdict, 'intact', report.wrong.join('; '))
    assert.ok(report.checked.some(line => line.startsWith('what the page shows: nobody signed it')))
    writeFileSync(path.join(work, 'page.html'), unsigned.replace('DROP TABLE customers', 'SELECT 1'))
    const changed = await verifyRecording(path.join(work, 'page.html'))
    assert.equal(changed.verdict, 'incomplete')
    assert.match(changed.wrong.join(), /nobody signed what the page shows/)
  })

  it('detects a zip that was changed inside', async () => {
    execFileSync('zip', ['-qr0', 'z.zip', ...names], { cwd: work })
    const zip = readFileSync(path.join(work, 'z.zip'))
    const at = zip.indexOf('SELECT id')
    zip[at]! ^= 1
    writeFileSync(path.join(work, 'z.zip'), zip)
    const report = await verifyRecording(path.join(work, 'z.zip'))
    assert.deepEqual([report.verdict, report.line], ['tampered', 3])
  })
})

describe('recordings that one key signs', () => {
  it('are each intact with that key, under a name of their own below its name', async () => {
    const signer = createSigner('acme/audit')
    const dirs = ['first', 'second'].map(name => path.join(root, name))
    for (const [index, dir] of dirs.entries()) {
      const { log } = logIn(dir, { signer, origin: `run/${index}` })
      tellStory(log, `s-${index}`)
      const { key: said } = await log.seal({ reason: 'finished' })
      assert.equal(said, signer.text)
      const report = await verifyRecording(dir, { key: signer.text })
      assert.deepEqual([report.words, report.key, report.origin], ['Intact', signer.text, `acme/audit/run/${index}`])
      assert.equal((await verifyRecording(path.join(dir, 'replay.html'), { key: signer.text })).words, 'Intact')
    }
    const [first, second] = [filesOf(dirs[0]!), filesOf(dirs[1]!)]
    for (const name of names)
      assert.equal(
        (await verifySource('mixed', memory({ ...first, [name]: second[name]! }), { key: signer.text })).verdict,
        'tampered',
        name,
      )
    assert.equal((await verifyRecording(dirs[0]!, { key })).verdict, 'tampered', 'the key of another log')
  })

  it('are not taken for those of a key whose name only begins the same', () => {
    const [signer, other] = [createSigner('acme/audit'), createSigner('acme/aud')]
    const note = signCheckpoint({ origin: 'acme/audit/run/1', size: 0, root: Buffer.alloc(32) }, other)
    assert.equal(openCheckpoint(note, other), null)
    const right = signCheckpoint({ origin: 'acme/audit/run/1', size: 0, root: Buffer.alloc(32) }, signer)
    assert.equal(openCheckpoint(right, signer)?.origin, 'acme/audit/run/1')
  })
})

describe('verifying a recording that has no end', () => {
  it('calls a run without run.close INCOMPLETE, and says which lines nobody signed', async () => {
    const dir = path.join(root, 'open')
    const { log } = logIn(dir)
    log.commit(null, [openingOf(log.key)], 'synced')
    log.commit('s-1', commandOf(1, 'SELECT 1'), 'written')
    const report = await verifyRecording(dir)
    assert.deepEqual([report.verdict, report.words, report.lines], ['incomplete', 'INCOMPLETE', 3])
    assert.ok(report.unchecked.some(line => line.startsWith('lines 2 to 3:')))
    rmSync(dir, { recursive: true })
  })

  it('calls a torn last line what it is', async () => {
    const dir = path.join(root, 'torn')
    const { log } = logIn(dir)
    tellStory(log)
    log.commit('s-2', commandOf(9, 'SELECT 1'), 'written')
    truncateSync(path.join(dir, 'events.jsonl'), readFileSync(path.join(dir, 'events.jsonl')).length - 20)
    const report = await verifyRecording(dir)
    assert.equal(report.verdict, 'incomplete')
    assert.ok(report.wrong.some(line => line.includes('torn')))
    rmSync(dir, { recursive: true })
  })

  it('calls checkpoints that were torn with the gateway INCOMPLETE, and those of a sealed recording tampered', async () => {
    const dir = path.join(root, 'torn-notes')
    const { log } = logIn(dir)
    tellStory(log)
    const cut = readFileSync(path.join(dir, 'checkpoints')).subarray(0, -20)
    for (const from of [dir, sealed]) {
      const names = from === dir ? ['events.jsonl', 'checkpoint'] : Object.keys(good)
      const files = Object.fromEntries(names.map(name => [name, readFileSync(path.join(from, name))]))
      const checkpoints = from === dir ? cut : good['checkpoints']!.subarray(0, -20)
      assert.equal((await verifySource('torn', memory({ ...files, checkpoints }))).verdict, from === dir ? 'incomplete' : 'tampered')
    }
    rmSync(dir, { recursive: true })
  })

  it('calls a log without a single line INCOMPLETE: nobody changed anything, there was nothing', async () => {
    for (const text of ['', '{"seq":1,"at"']) {
      const report = await verifySource('blank', memory({ 'events.jsonl': Buffer.from(text) }))
      assert.deepEqual([report.verdict, report.lines, report.key], ['incomplete', 0, null])
    }
  })

  it('calls a log that failed INCOMPLETE', async () => {
    const { log } = logIn(path.join(root, 'failed'), { limits: { maxEventChars: 5000 } })
    tellStory(log)
    const report = await verifyRecording(path.join(root, 'failed'))
    assert.equal(report.verdict, 'incomplete')
    rmSync(path.join(root, 'failed'), { recursive: true })
  })
})

describe('verifying what is no recording', () => {
  it('cannot read it', async () => {
    mkdirSync(path.join(work, 'empty'))
    writeFileSync(path.join(work, 'text'), 'hello')
    writeFileSync(path.join(work, 'cut.zip'), 'PK\u0003\u0004')
    writeFileSync(path.join(work, 'page.html'), '<!doctype html><p>hello')
    execFileSync('zip', ['-q', 'other.zip', 'text'], { cwd: work })
    for (const name of ['empty', 'text', 'cut.zip', 'other.zip', 'page.html', 'nothing-here'])
      await assert.rejects(verifyRecording(path.join(work, name)), { code: 'UNREADABLE', exitStatus: 3 }, name)
  })

  it('refuses a key that is none', async () => {
    await assert.rejects(verifyRecording(work, { key: 'abc' }), { code: 'USAGE' })
  })

  it('never takes a link for a file of the recording', async () => {
    renameSync(path.join(work, 'events.jsonl'), path.join(work, 'elsewhere'))
    execFileSync('ln', ['-s', 'elsewhere', path.join(work, 'events.jsonl')])
    assert.equal((await verifyRecording(work)).verdict, 'tampered')
  })
})

function filesOf(dir: string): Files {
  return Object.fromEntries(names.map(name => [name, readFileSync(path.join(dir, name))]))
}

function linesOf(files: Files): string[] {
  return files['events.jsonl']!.toString().split('\n').slice(0, -1)
}

/** A flip in a link may accuse the neighbour: both sides of the link tell the same story. */
function isInLink(at: number): boolean {
  const text = good['events.jsonl']!.toString('latin1')
  const start = text.lastIndexOf('"prev":"', at)
  return start > text.lastIndexOf('\n', at - 1) && at - start < 32
}

function lineAt(at: number): number {
  return good['events.jsonl']!.toString('latin1', 0, at).split('\n').length
}

function verifyLines(lines: readonly string[]): ReturnType<typeof verifySource> {
  return verifySource('lines', memory({ ...good, 'events.jsonl': Buffer.from(lines.map(line => `${line}\n`).join('')) }))
}

/** A recording in memory, so that thousands of changes need no disk. */
function memory(files: Files): RecordingSource {
  return {
    form: 'folder',
    names: Object.keys(files),
    others: [],
    sizeOf: name => files[name]!.length,
    read: async function* (name) {
      yield await Promise.resolve(files[name]!)
    },
    page: null,
    close: () => Promise.resolve(),
  }
}
