import assert from 'node:assert/strict'
import fs, { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { decryptAge } from '../../gateway/record/age/age-file.ts'
import { LineSeal, openKeys } from '../../gateway/record/line-seal.ts'
import type { Disk } from '../../gateway/record/log-file.ts'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { auditor, commandOf, logIn, openingOf, origin, sealedStory, tellStory, temporaryFolder } from './recordings.ts'

const { recipient, identities } = auditor()
/** What a story says and an encrypted recording must not: long enough that chance makes none of them out of sealed bytes. */
const readable = ['customers', 'DELETE 48133', 'FROM carts', '"psql"', '"dana"', '7F3K-9QX2', '"s-1"', '"pii"', 'orders-db', '"•••"'].map(
  word => Buffer.from(word).toString('latin1'),
)
/** What lines are made of; a statement has such words of its own. */
const structure = ['run.open', '"session"', 'session.close', '"prev"']

let root: string
let remove: () => void
before(() => ({ dir: root, remove } = temporaryFolder()))
after(() => remove())

describe('a recording that only auditors can read', () => {
  it('never hands the disk anything that can be read, and its key before its first event', async () => {
    const writes: { file: string; text: string }[] = []
    const files = new Map<number, string>()
    const disk: Disk = {
      ...fs,
      openSync: (file, ...rest) => {
        const fd = fs.openSync(file, ...rest)
        files.set(fd, path.basename(String(file)))
        return fd
      },
      writeSync: ((fd: number, bytes: Buffer, offset: number, length: number) => {
        writes.push({ file: files.get(fd) ?? '', text: bytes.toString('latin1', offset, offset + length) })
        return fs.writeSync(fd, bytes, offset, length)
      }) as Disk['writeSync'],
    }
    await sealedStory(path.join(root, 'read'), { disk })
    const open = writes.splice(0).map(({ text }) => text)
    for (const word of [...readable, ...structure])
      assert.ok(open.join('').includes(word), `${word} is not in a recording that is not sealed`)
    await sealedStory(path.join(root, 'unread'), { encryptTo: [recipient], disk })
    const shown = writes.filter(({ file }) => file !== '.reserve')
    assert.deepEqual(
      shown.slice(0, 2).map(({ file }) => file),
      ['keys.age.tmp', 'events.jsonl'],
    )
    for (const { file, text } of shown) {
      // The statement says who ran under which policy, and how many; nothing that was run or seen.
      const words = file.startsWith('statement') ? Buffer.from(JSON.parse(text).payload as string, 'base64').toString('latin1') : text
      for (const word of file.startsWith('statement') ? readable : [...readable, ...structure])
        assert.ok(!words.includes(word), `${word} in ${file}`)
    }
    assert.deepEqual(readdirSync(path.join(root, 'unread')).toSorted(), [
      'checkpoint',
      'checkpoints',
      'events.jsonl',
      'keys.age',
      'replay.html.age',
      'statement.dsse.json',
    ])
  })

  it('has lines of a number and a sealed event, and the event is the line that would have stood there', async () => {
    const dir = path.join(root, 'lines')
    const { lines } = await sealedStory(dir, { encryptTo: [recipient] })
    const open = openKeys(readFileSync(path.join(dir, 'keys.age')), identities)
    const stored = readFileSync(path.join(dir, 'events.jsonl'), 'utf8').trimEnd().split('\n')
    assert.equal(stored.length, lines)
    for (const [index, line] of stored.entries()) {
      const [, sealed = ''] = new RegExp(`^\\{"seq":${index + 1},"sealed":"([A-Za-z0-9+/]+={0,2})"\\}$`).exec(line) ?? []
      const event = JSON.parse(open(index + 1, sealed) ?? 'null') as Record<string, unknown>
      assert.equal(event['seq'], index + 1)
      assert.equal(open(index + 2, sealed), null)
    }
  })

  it('is verified without a key, and the report says what could not be checked', async () => {
    const dir = path.join(root, 'verified')
    const { key, counts } = await sealedStory(dir, { encryptTo: [recipient] })
    const report = await verifyRecording(dir, { key })
    assert.equal(report.verdict, 'intact', report.wrong.join('; '))
    assert.deepEqual(report.counts, counts)
    assert.match(report.unchecked.join('\n'), /what 17 lines say, and that the counts are theirs: they are encrypted/)
    assert.match(report.checked.join('\n'), /the tree over lines 1 to 17/)
    const opened = await verifyRecording(dir, { key, identities })
    assert.equal(opened.verdict, 'intact', opened.wrong.join('; '))
    assert.deepEqual(opened.counts, counts)
    assert.doesNotMatch(opened.unchecked.join('\n'), /encrypted/)
    assert.match(opened.checked.join('\n'), /its counts are those of the lines/)
  })

  it('shows flipped bytes in every one of its files, without any key to what is in them', async () => {
    const dir = path.join(root, 'flipped')
    await sealedStory(dir, { encryptTo: [recipient] })
    for (const name of ['events.jsonl', 'checkpoint', 'checkpoints', 'keys.age', 'statement.dsse.json', 'replay.html.age']) {
      const file = path.join(dir, name)
      const whole = readFileSync(file)
      const step = Math.max(1, Math.floor(whole.length / 50))
      for (let at = 0; at < whole.length; at += step) {
        const changed = Buffer.from(whole)
        changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
        writeFileSync(file, changed)
        assert.equal((await verifyRecording(dir)).verdict, 'tampered', `${name} byte ${at}`)
      }
      writeFileSync(file, whole)
    }
    assert.equal((await verifyRecording(dir)).verdict, 'intact')
  })

  it('shows every line that was dropped, doubled or swapped, and a statement that was taken away', async () => {
    const dir = path.join(root, 'lines-moved')
    await sealedStory(dir, { encryptTo: [recipient] })
    const file = path.join(dir, 'events.jsonl')
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    for (const at of lines.keys()) {
      const before = lines.slice(0, at)
      const [line = '', ...behind] = lines.slice(at)
      for (const changed of [
        [...before, ...behind],
        [...before, line, line, ...behind],
        [...before, ...behind.slice(0, 1), line, ...behind.slice(1)],
      ]) {
        if (changed.join() === lines.join()) continue
        writeFileSync(file, `${changed.join('\n')}\n`)
        assert.notEqual((await verifyRecording(dir)).verdict, 'intact')
      }
    }
    writeFileSync(file, `${lines.join('\n')}\n`)
    const without = path.join(root, 'without')
    mkdirSync(without)
    for (const name of readdirSync(dir))
      if (!name.startsWith('statement')) writeFileSync(path.join(without, name), readFileSync(path.join(dir, name)))
    for (const options of [{}, { identities }]) assert.equal((await verifyRecording(without, options)).verdict, 'incomplete')
  })

  it('has a page for the auditors, which is verified like any other once it is decrypted', async () => {
    const dir = path.join(root, 'page')
    const { key } = await sealedStory(dir, { encryptTo: [recipient] })
    const page = decryptAge(readFileSync(path.join(dir, 'replay.html.age')), identities)
    assert.ok(page?.includes('DROP TABLE customers'))
    const file = path.join(root, 'replay.html')
    writeFileSync(file, page ?? '')
    const report = await verifyRecording(file, { key, identities })
    assert.equal(report.verdict, 'intact', report.wrong.join('; '))
    assert.match(report.checked.join('\n'), /the signature of the page as a whole/)
    assert.equal((await verifyRecording(file, { key })).verdict, 'intact')
  })

  it('is opened by no stranger', async () => {
    const dir = path.join(root, 'stranger')
    const { log } = logIn(dir, { encryptTo: [recipient] })
    tellStory(log)
    const stranger = new LineSeal([recipient])
    assert.throws(() => openKeys(readFileSync(path.join(dir, 'keys.age')), []), { code: 'UNREADABLE' })
    const line = readFileSync(path.join(dir, 'events.jsonl'), 'utf8').split('\n', 1)[0] ?? ''
    assert.equal(stranger.opener(1, String(JSON.parse(line).sealed)), null)
    await assert.rejects(verifyRecording(dir, { identities: [] }), { code: 'UNREADABLE' })
  })

  it('never seals two lines with the same nonce, also where a line that failed is numbered again', async () => {
    const dir = path.join(root, 'failing')
    let isFull = false
    const halves: string[] = []
    const disk: Disk = {
      ...fs,
      writeSync: ((fd: number, bytes: Buffer, offset: number, length: number) => {
        if (!isFull) return fs.writeSync(fd, bytes, offset, length)
        isFull = false
        halves.push(bytes.toString('utf8', offset, offset + length))
        return fs.writeSync(fd, bytes, offset, length - 10)
      }) as Disk['writeSync'],
    }
    const { log } = logIn(dir, { encryptTo: [recipient], disk })
    log.commit(null, [openingOf(log.key)], 'written')
    isFull = true
    assert.throws(() => log.commit('s-1', commandOf(1, 'SELECT 1'), 'written'), { code: 'RECORDING_FAILED' })
    const [, second = ''] = readFileSync(path.join(dir, 'events.jsonl'), 'utf8').split('\n')
    const open = openKeys(readFileSync(path.join(dir, 'keys.age')), identities)
    const lost = JSON.parse(halves[0]?.split('\n')[0] ?? '') as { seq: number; sealed: string }
    const kept = JSON.parse(second) as { seq: number; sealed: string }
    assert.deepEqual([lost.seq, kept.seq], [2, 2])
    assert.match(open(2, kept.sealed) ?? '', /RECORDING_FAILED/)
    assert.match(open(2, lost.sealed) ?? '', /SELECT 1/)
    // Under one nonce the two would differ by no more than their texts do: `{"seq":2,"at":"…` is the same in both.
    assert.notDeepEqual(startOf(lost.sealed), startOf(kept.sealed))
    assert.equal((await verifyRecording(dir, { identities })).verdict, 'incomplete')
  })

  it('names its origin beside the key', () => {
    const said = JSON.parse(decryptAge(new LineSeal([recipient]).keyFile(origin), identities)?.toString() ?? '') as Record<string, unknown>
    assert.deepEqual(Object.keys(said), ['schema', 'origin', 'events'])
    assert.equal(said['origin'], origin)
  })
})

function startOf(sealed: string): Buffer {
  return Buffer.from(sealed, 'base64').subarray(0, 30)
}
