// A recording of 64 KiB with a terminal in it, changed in every way there is. `npm run tamper` flips all of its bytes; here a share of them.
import assert from 'node:assert/strict'
import { cpSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { temporaryFolder } from './recordings.ts'
import { bytesOf, flipAll, memory, recordingOf64K, verifyIn } from './tampering.ts'
import type { Files } from './tampering.ts'
import { verifySource } from '../../gateway/record/verify-recording.ts'

const SHARE = 64

let root: string
let remove: () => void
let sealed: string
let work: string
let good: Files
let key: string

before(async () => {
  ;({ dir: root, remove } = temporaryFolder())
  sealed = path.join(root, 'sealed')
  ;({ files: good, key } = await recordingOf64K(sealed))
})
after(() => remove())
beforeEach(() => {
  work = path.join(root, 'work')
  rmSync(work, { recursive: true, force: true })
  cpSync(sealed, work, { recursive: true })
})

describe('a recording of 64 KiB', () => {
  it('is one, and is intact as it was sealed', async () => {
    const { 'replay.html': page, ...others } = good
    assert.ok(page !== undefined && bytesOf(others) > 65_000 && bytesOf(others) <= 65_536)
    assert.equal((await verifyIn(good, key)).words, 'Intact')
    assert.ok(Object.keys(good).includes('sessions/s-1.cast'))
  })

  it('is not with any byte changed', async () => {
    const { flipped, missed } = await flipAll(good, key, SHARE, Math.floor(Math.random() * SHARE))
    assert.ok(flipped >= Math.floor(65_000 / SHARE))
    assert.deepEqual(missed, [])
  })

  it('is not with any line dropped, doubled, swapped with the next, or moved to the end', async () => {
    const lines = linesIn(good['events.jsonl']!)
    for (let at = 0; at < lines.length; at += 1) {
      const [line, next] = [lines[at]!, lines[at + 1]]
      const changes = { dropped: lines.toSpliced(at, 1), doubled: lines.toSpliced(at, 0, line) }
      const moved = next === undefined ? {} : { swapped: lines.toSpliced(at, 2, next, line), moved: [...lines.toSpliced(at, 1), line] }
      for (const [what, changed] of Object.entries({ ...changes, ...moved }))
        assert.equal((await verifyLines(changed)).verdict, 'tampered', `line ${at + 1} ${what}`)
    }
  })

  it('is not with the tail cut at any line, whatever else is taken away with it', async () => {
    const lines = linesIn(good['events.jsonl']!)
    for (let count = 0; count < lines.length; count += 1) {
      const cut = Buffer.from(lines.slice(0, count).join(''))
      assert.equal((await verifyIn({ ...good, 'events.jsonl': cut }, key)).verdict, 'tampered', `after line ${count}`)
      const { 'statement.dsse.json': _, ...unstated } = good
      assert.notEqual((await verifyIn({ ...unstated, 'events.jsonl': cut }, key)).verdict, 'intact', `after line ${count}`)
      // Everything that speaks of the end is gone: nobody can tell a crash from a thief, so it is never called whole.
      assert.equal((await verifyIn({ 'events.jsonl': cut })).verdict, 'incomplete', `only ${count} lines`)
    }
  })

  it('is not with any of its files from another run, with the key or without', async () => {
    const { files: other, key: otherKey } = await recordingOf64K(path.join(root, 'other'), 'goodbye')
    for (const name of Object.keys(good)) {
      for (const given of [undefined, key, otherKey])
        assert.equal((await verifyIn({ ...good, [name]: other[name]! }, given)).verdict, 'tampered', name)
      const { [name]: mine, ...rest } = good
      assert.equal(
        (await verifyIn({ ...other, [name]: mine! }, undefined)).verdict,
        'tampered',
        `${name} among ${Object.keys(rest).length}`,
      )
    }
    assert.equal((await verifyIn(other)).verdict, 'intact')
    assert.equal((await verifyIn(other, key)).verdict, 'tampered', 'a whole forgery, signed by another key')
  })
})

describe('a folder with more in it than the recording', () => {
  it('is intact beside plain company, which is named as no part of it', async () => {
    writeFileSync(path.join(work, 'notes.txt'), 'x')
    mkdirSync(path.join(work, 'mail'))
    writeFileSync(path.join(work, 'mail', 'inside'), 'x')
    const report = await verifyRecording(work, { key })
    assert.equal(report.verdict, 'intact')
    assert.ok(report.unchecked.includes('files that are not part of the recording: mail, notes.txt'))
  })

  for (const name of [
    '.events.jsonl',
    '.reserve',
    'checkpoint.tmp.',
    'sessions/notes.txt',
    'sessions/.s-1.cast',
    'Events.JSONL',
    'checkpoint\\x',
    'REPLAY.HTML',
  ])
    it(`is tampered with by ${JSON.stringify(name)}`, async () => {
      writeFileSync(path.join(work, name), good['events.jsonl']!)
      const report = await verifyRecording(work, { key })
      if (name === 'checkpoint.tmp.') assert.equal(report.verdict, 'intact', 'a plain name')
      else assert.deepEqual([report.verdict, report.wrong.length], ['tampered', 1], report.wrong.join('; '))
    })

  it('is tampered with by a folder below the sessions, or a link in their place', async () => {
    mkdirSync(path.join(work, 'sessions', 'more'))
    assert.equal((await verifyRecording(work)).verdict, 'tampered')
    rmSync(path.join(work, 'sessions'), { recursive: true })
    cpSync(path.join(sealed, 'sessions'), path.join(root, 'elsewhere'), { recursive: true })
    symlinkSync(path.join(root, 'elsewhere'), path.join(work, 'sessions'))
    assert.equal((await verifyRecording(work)).verdict, 'tampered')
  })

  it('is tampered with by a link in the place of any file, also one that leads to the right bytes', async () => {
    for (const name of Object.keys(good)) {
      const file = path.join(work, name)
      const away = path.join(root, 'away')
      renameSync(file, away)
      symlinkSync(away, file)
      assert.equal((await verifyRecording(work, { key })).verdict, 'tampered', name)
      rmSync(file)
      renameSync(away, file)
    }
    // A second name of the same file is that file.
    linkSync(path.join(work, 'checkpoint'), path.join(root, 'second-name'))
    assert.equal((await verifyRecording(work, { key })).verdict, 'intact')
  })
})

describe('a zip that shows different programs different things', () => {
  const zipped = async (entries: readonly Entry[]): Promise<string> => {
    const file = path.join(root, 'made.zip')
    writeFileSync(file, zipOf(entries))
    return verifyRecording(file, { key }).then(
      ({ verdict }) => verdict,
      (error: unknown) => (error as { code: string }).code,
    )
  }
  const whole = (): Entry[] => Object.entries(good).map(([name, bytes]) => ({ name, bytes }))

  it('is read when it is plain', async () => {
    assert.equal(await zipped(whole()), 'intact')
    assert.equal(await zipped([...whole(), { name: 'notes.txt', bytes: Buffer.from('x') }]), 'intact')
  })

  it('is refused with two entries of one name, whichever comes first', async () => {
    for (const name of Object.keys(good)) {
      assert.equal(await zipped([...whole(), { name, bytes: Buffer.from('{}\n') }]), 'UNREADABLE')
      assert.equal(await zipped([{ name, bytes: good[name]! }, ...whole()]), 'UNREADABLE')
    }
  })

  for (const name of [
    '../events.jsonl',
    './events.jsonl',
    '/events.jsonl',
    'C:\\events.jsonl',
    'x/../events.jsonl',
    '.hidden',
    'sessions/x',
    'EVENTS.JSONL',
    'other/events.jsonl',
  ])
    it(`is never intact with an entry ${JSON.stringify(name)}`, async () => {
      assert.notEqual(await zipped([...whole(), { name, bytes: Buffer.from('{}\n') }]), 'intact')
      assert.notEqual(await zipped([{ name, bytes: Buffer.from('{}\n') }, ...whole()]), 'intact')
    })

  it('is never intact when the header of an entry names another file than the directory', async () => {
    for (const name of Object.keys(good)) {
      const entries = whole().map(entry => (entry.name === name ? { ...entry, header: `${'x'.repeat(name.length - 1)}y` } : entry))
      assert.notEqual(await zipped(entries), 'intact', name)
    }
  })
})

describe('a recording in memory', () => {
  it('is judged with what lies beside it', async () => {
    assert.equal((await verifySource('beside', memory(good, ['.x']), { key })).verdict, 'tampered')
    assert.equal((await verifySource('beside', memory(good, ['x']), { key })).verdict, 'intact')
  })
})

function linesIn(log: Buffer): string[] {
  return log.toString('utf8').match(/[^\n]*\n/g) ?? []
}

function verifyLines(lines: readonly string[]): ReturnType<typeof verifyIn> {
  return verifyIn({ ...good, 'events.jsonl': Buffer.from(lines.join('')) })
}

interface Entry {
  readonly name: string
  readonly bytes: Buffer
  /** The name in front of the data, where it differs. */
  readonly header?: string
}

/** Stored entries, as APPNOTE.TXT 4.3 lays them out. */
function zipOf(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, bytes, header = name } of entries) {
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt32LE(crc32(bytes), 10)
    fields.writeUInt32LE(bytes.length, 14)
    fields.writeUInt32LE(bytes.length, 18)
    fields.writeUInt16LE(Buffer.byteLength(name), 22)
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), fields, Buffer.from(header), bytes])
    const central = Buffer.alloc(14)
    central.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0000'), fields, central, Buffer.from(name)]))
    parts.push(local)
    offset += local.length
  }
  const end = Buffer.alloc(18)
  end.writeUInt16LE(entries.length, 4)
  end.writeUInt16LE(entries.length, 6)
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    8,
  )
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...parts, ...directory, Buffer.from('PK\u0005\u0006'), end])
}
