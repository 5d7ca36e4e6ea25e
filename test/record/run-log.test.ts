import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs, { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SallyportError } from '../../gateway/core/errors.ts'
import type { EventBody } from '../../gateway/core/events.ts'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { openCheckpoint, splitCheckpoints } from '../../gateway/record/checkpoint.ts'
import type { Disk } from '../../gateway/record/log-file.ts'
import { hashLine, MerkleTree } from '../../gateway/record/merkle-tree.ts'
import { readVerifier } from '../../gateway/record/signed-note.ts'
import { openStatement } from '../../gateway/record/statement.ts'
import { commandOf, logIn, openingOf, origin, tellStory, temporaryFolder } from './recordings.ts'

let dir: string
let remove: () => void
beforeEach(() => ({ dir, remove } = temporaryFolder()))
afterEach(() => remove())

const failed = { code: 'RECORDING_FAILED' }

describe('the log of a run', () => {
  it('has every committed event on disk when commit returns, after what was appended before it', () => {
    const { log } = logIn(dir)
    log.append('s-1', { kind: 'result', command: 1, tag: 'SELECT 1', rows: 1, durationMs: 2 })
    assert.deepEqual(events(), [])
    log.commit('s-1', commandOf(2, 'SELECT 2'), 'written')
    assert.deepEqual(
      events().map(({ seq, kind }) => [seq, kind]),
      [
        [1, 'result'],
        [2, 'command'],
        [3, 'decision'],
      ],
    )
  })

  it('writes each commit with one write', () => {
    let writes = 0
    const { log } = logIn(dir, { disk: failing({ writeSync: () => void (writes += 1) }) })
    writes = 0
    log.append('s-1', { kind: 'result', command: 1, tag: 'SELECT 1', rows: 1, durationMs: 2 })
    log.commit('s-1', commandOf(2, 'SELECT 2'), 'written')
    assert.equal(writes, 1)
  })

  it('stamps every line with number, wall time, monotonic time, session and kind, and links it to the line before', async () => {
    const { log, clock } = logIn(dir)
    log.commit(null, [openingOf(log.key)], 'synced')
    await clock.pass(1234.5678)
    log.commit('s-"1"', commandOf(1, 'SELECT 1'), 'written')
    const [first, second, third] = events()
    assert.deepEqual(Object.keys(first!).slice(0, 6), ['seq', 'at', 'ms', 'session', 'prev', 'kind'])
    assert.deepEqual([first!['at'], first!['ms'], first!['session'], first!['prev']], ['2026-01-02T03:04:05.000Z', 0, null, null])
    assert.deepEqual([second!['at'], second!['ms'], second!['session']], ['2026-01-02T03:04:06.234Z', 1234.568, 's-"1"'])
    assert.equal(second!['prev'], hashLine(lines()[0]!).toString('base64url', 0, 16))
    assert.equal(third!['prev'], hashLine(lines()[1]!).toString('base64url', 0, 16))
  })

  it('writes what was appended within the flush time, without a commit', async () => {
    const { log, clock } = logIn(dir)
    log.append('s-1', { kind: 'result', command: 1, tag: 'SELECT 1', rows: 1, durationMs: 2 })
    await clock.pass(49)
    assert.equal(lines().length, 0)
    await clock.pass(1)
    assert.equal(lines().length, 1)
    log.append('s-1', { kind: 'result', command: 2, tag: 'SELECT 2', rows: 1, durationMs: 2 })
    await clock.pass(50)
    assert.equal(lines().length, 2)
  })

  it('asks the caller to wait when too much is queued, and says when it is written', async () => {
    const { log } = logIn(dir, { limits: { maxQueuedBytes: 4000 } })
    const event: EventBody = { kind: 'error', command: null, code: 'XX000', message: 'x'.repeat(1000) }
    const answers = [1, 2, 3, 4].map(() => log.append('s-1', event))
    assert.deepEqual(answers, [true, true, true, false])
    assert.equal(lines().length, 0)
    await log.drained()
    assert.equal(lines().length, 4)
    assert.equal(log.append('s-1', event), true)
    await log.drained()
  })

  it('bounds its memory when a caller does not wait', () => {
    const { log } = logIn(dir, { limits: { maxQueuedBytes: 4000 } })
    for (let count = 0; count < 20; count += 1) log.append('s-1', { kind: 'error', command: null, code: 'X', message: 'x'.repeat(1000) })
    assert.ok(lines().length >= 14)
  })

  it('keeps any text, so that it reads back as it was', () => {
    const { log } = logIn(dir)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        log.commit('s-1', [{ kind: 'error', command: null, code: 'X', message: text }], 'written')
        assert.equal(events().at(-1)!['message'], text)
      }),
      { numRuns: 100 },
    )
    log.commit('s-1', [{ kind: 'error', command: null, code: 'X', message: '\ud800 \u2028 \n' }], 'written')
    assert.equal(events().at(-1)!['message'], '\ud800 \u2028 \n')
    for (const [index, { seq }] of events().entries()) assert.equal(seq, index + 1)
  })

  it('cuts what would make an over-long line, and says so in the event', () => {
    const { log } = logIn(dir, { limits: { maxEventChars: 4000 } })
    const rows = Array.from({ length: 300 }, (_, row) => [String(row), 'y'.repeat(5000)])
    log.commit('s-1', commandOf(1, `SELECT ${'x'.repeat(9993)}`), 'written')
    log.commit('s-1', [{ kind: 'rows', command: 1, columns: ['a', 'b'], rows, omitted: 7 }], 'written')
    const [command, decision, kept] = events()
    assert.match(String(command!['text']), /^SELECT x{500,}…$/)
    assert.deepEqual(command!['truncated'], { text: 10000 })
    assert.equal('truncated' in decision!, false)
    const cuts = kept!['truncated'] as Record<string, number>
    assert.equal(cuts['rows'], 300)
    assert.equal(cuts['rows.0.1'], 5000)
    assert.equal(kept!['omitted'], 7)
    for (const line of lines()) assert.ok(line.length < 4400)
  })

  it('counts commands from 1', () => {
    const { log } = logIn(dir)
    assert.deepEqual([log.nextCommand(), log.nextCommand()], [1, 2])
  })

  it('never writes over a recording', async () => {
    const { log } = logIn(dir)
    tellStory(log)
    await log.seal({ reason: 'finished' })
    const before = readFileSync(path.join(dir, 'events.jsonl'))
    assert.throws(() => logIn(dir), failed)
    assert.deepEqual(readFileSync(path.join(dir, 'events.jsonl')), before)
  })

  it('is readable by its owner only', () => {
    const { log } = logIn(path.join(dir, 'rec'))
    tellStory(log)
    for (const name of readdirSync(path.join(dir, 'rec'))) assert.equal(statSync(path.join(dir, 'rec', name)).mode & 0o077, 0, name)
    assert.equal(statSync(path.join(dir, 'rec')).mode & 0o077, 0)
  })
})

describe('checkpoints', () => {
  it('are signed at the opening, for a command that is asked about, and at the end of a session, over the lines as stored', () => {
    const { log } = logIn(dir)
    tellStory(log)
    assert.deepEqual(
      checkpoints(log.key).map(({ size }) => events()[size - 1]!['kind']),
      ['run.open', 'ask', 'session.close'],
    )
    for (const { size, root } of checkpoints(log.key)) assert.deepEqual(root, rootOf(lines().slice(0, size)))
  })

  it('are signed every so many lines', () => {
    const { log } = logIn(dir, { limits: { checkpointLines: 10, checkpointGapMs: 0 } })
    for (let command = 1; command <= 16; command += 1) log.commit('s-1', commandOf(command, 'SELECT 1'), 'written')
    assert.deepEqual(
      checkpoints(log.key).map(({ size }) => size),
      [10, 20, 30],
    )
  })

  it('are not signed more often than a disk likes, however many lines come', async () => {
    const { log, clock } = logIn(dir, { limits: { checkpointLines: 2, checkpointGapMs: 250 } })
    for (let command = 1; command <= 8; command += 1) log.commit('s-1', commandOf(command, 'SELECT 1'), 'written')
    await clock.pass(250)
    log.commit('s-1', commandOf(9, 'SELECT 1'), 'written')
    assert.deepEqual(
      checkpoints(log.key).map(({ size }) => size),
      [2, 18],
    )
  })

  it('are signed every so often, if there is something new', async () => {
    const { log, clock } = logIn(dir)
    await clock.pass(5000)
    assert.equal(existsSync(path.join(dir, 'checkpoint')), false)
    log.append('s-1', { kind: 'result', command: 1, tag: 'SELECT 1', rows: 1, durationMs: 2 })
    await clock.pass(5000)
    await clock.pass(5000)
    assert.deepEqual(
      checkpoints(log.key).map(({ size }) => size),
      [1],
    )
  })
})

describe('the seal', () => {
  it('closes the run with its counts, signs the whole, and states the digest of every file', async () => {
    const { log } = logIn(dir)
    tellStory(log)
    writeFileSync(path.join(dir, 'notes.txt'), 'not of the recording')
    const sealed = await log.seal({ reason: 'finished' })
    assert.deepEqual(sealed.counts, { sessions: 1, commands: 3, allowed: 1, denied: 1, asked: 1, approved: 1, masked: 2, errors: 1 })
    const { kind, reason, counts } = events().at(-1)!
    assert.deepEqual({ kind, reason, counts }, { kind: 'run.close', reason: 'finished', counts: sealed.counts })
    assert.deepEqual(checkpoints(log.key).at(-1), { origin, size: lines().length, root: rootOf(lines()) })
    assert.deepEqual(readdirSync(dir).toSorted(), [
      'checkpoint',
      'checkpoints',
      'events.jsonl',
      'notes.txt',
      'replay.html',
      'statement.dsse.json',
    ])
    const statement = openStatement(readFileSync(path.join(dir, 'statement.dsse.json'), 'utf8'), readVerifier(log.key)!) as Record<
      string,
      never
    >
    assert.deepEqual(
      statement['subject'],
      ['checkpoint', 'checkpoints', 'events.jsonl', 'replay.html'].map(name => ({ name, digest: { sha256: sha256sum(name) } })),
    )
    assert.deepEqual(statement['predicate'], {
      origin,
      key: log.key,
      lines: lines().length,
      root: sealed.root,
      closed: { at: '2026-01-02T03:04:05.000Z', reason: 'finished' },
      counts: sealed.counts,
      policy: { digest: `sha256:${'5'.repeat(64)}`, source: 'acme/shop:.github/sallyport.yml@9c1e2ab' },
      identity: { issuer: 'github', subject: 'repo:acme/shop:environment:production', groups: ['release'] },
      run: { id: 'r-1', repository: 'acme/shop', pullRequest: 42 },
    })
    assert.deepEqual(
      sealed.files.map(({ name }) => name),
      ['checkpoint', 'checkpoints', 'events.jsonl', 'replay.html', 'statement.dsse.json'],
    )
    for (const { name, sha256 } of sealed.files) assert.equal(sha256, sha256sum(name))
  })

  it('takes what was appended last, and nothing after it', async () => {
    const { log } = logIn(dir)
    log.append('s-1', { kind: 'result', command: 1, tag: 'SELECT 1', rows: 1, durationMs: 2 })
    const sealed = await log.seal({ reason: 'finished' })
    assert.deepEqual(
      events().map(({ kind }) => kind),
      ['result', 'run.close'],
    )
    assert.throws(() => log.commit(null, commandOf(1, 'SELECT 1'), 'written'), failed)
    assert.throws(() => log.append(null, { kind: 'result', command: 1, tag: '', rows: 1, durationMs: 2 }), failed)
    assert.equal(lines().length, 2)
    assert.equal(await log.seal({ reason: 'again' }), sealed)
  })
})

describe('a disk that fails', () => {
  for (const code of ['ENOSPC', 'EIO', 'EFBIG'])
    it(`ends the log at ${code}: nothing after it is taken, and the log says why it ends`, async () => {
      let isBroken = false
      const disk = failing({ writeSync: () => (isBroken ? refuse(code) : undefined) })
      const { log } = logIn(dir, { disk: { ...disk, rmSync: (...args) => ((isBroken = false), fs.rmSync(...args)) } })
      log.commit('s-1', commandOf(1, 'SELECT 1'), 'written')
      isBroken = true
      assert.throws(() => log.commit('s-1', commandOf(2, 'SELECT 2'), 'written'), failed)
      assert.equal(log.hasFailed, true)
      assert.throws(() => log.commit('s-1', commandOf(3, 'SELECT 3'), 'written'), failed)
      assert.throws(() => log.append('s-1', { kind: 'result', command: 1, tag: '', rows: 0, durationMs: 0 }), failed)
      await assert.rejects(log.drained(), failed)
      await assert.rejects(log.seal({ reason: 'finished' }), failed)
      assert.deepEqual(
        events().map(({ seq, kind }) => [seq, kind]),
        [
          [1, 'command'],
          [2, 'decision'],
          [3, 'error'],
        ],
      )
      assert.deepEqual([events()[2]!['code'], events()[2]!['message']], ['RECORDING_FAILED', `the recording cannot be written: ${code}`])
      assert.equal(events()[2]!['prev'], hashLine(lines()[1]!).toString('base64url', 0, 16))
      assert.deepEqual(checkpoints(log.key).at(-1), { origin, size: 3, root: rootOf(lines()) })
    })

  it('leaves no half line behind when a write is short', () => {
    let isFull = false
    const short = ((fd: number, bytes: Buffer, offset: number, length: number) => {
      if (!isFull) return fs.writeSync(fd, bytes, offset, length)
      isFull = false
      return fs.writeSync(fd, bytes, offset, 40)
    }) as Disk['writeSync']
    const { log } = logIn(dir, { disk: { ...fs, writeSync: short } })
    log.commit('s-1', commandOf(1, 'SELECT 1'), 'written')
    isFull = true
    assert.throws(() => log.commit('s-1', commandOf(2, 'SELECT 2'), 'written'), failed)
    assert.deepEqual(
      events().map(({ kind }) => kind),
      ['command', 'decision', 'error'],
    )
  })

  it('fails a synced commit whose sync fails', () => {
    const { log } = logIn(dir, { disk: failing({ fdatasyncSync: () => refuse('EIO') }) })
    log.commit('s-1', commandOf(1, 'SELECT 1'), 'written')
    assert.throws(() => log.commit('s-1', commandOf(2, 'SELECT 2'), 'synced'), failed)
    assert.throws(() => log.commit('s-1', commandOf(3, 'SELECT 3'), 'written'), failed)
  })

  it('has each checkpoint once, also when the newest could not be put in place', () => {
    let isBroken = false
    const { log } = logIn(dir, { disk: failing({ renameSync: () => (isBroken ? refuse('ENOSPC') : undefined) }) })
    tellStory(log)
    isBroken = true
    assert.throws(() => log.commit('s-2', [{ kind: 'session.close', reason: 'x', commands: 0, durationMs: 0 }], 'written'), failed)
    const notes = readFileSync(path.join(dir, 'checkpoints'), 'utf8').match(/— [^\n]+/g)!
    assert.equal(new Set(notes).size, notes.length)
  })

  it('adds nothing to a recording whose statement is written, when the folder cannot be synced', async () => {
    const { log } = logIn(dir, { disk: failing({ fsyncSync: () => refuse('EIO') }) })
    tellStory(log)
    await assert.rejects(log.seal({ reason: 'finished' }), failed)
    assert.equal(events().at(-1)!['kind'], 'run.close')
    assert.equal((await verifyRecording(dir)).verdict, 'intact')
  })

  it('fails with the next line when a sync in the background failed: the system tells it only once', async () => {
    let refused = 0
    const fdatasync = ((_: number, done: (error: Error | null) => void) => {
      refused += 1
      queueMicrotask(() => done(Object.assign(new Error('EIO: refused'), { code: 'EIO' })))
    }) as Disk['fdatasync']
    const { log } = logIn(dir, { disk: { ...fs, fdatasync } })
    const rows = [['x'.repeat(900_000)]]
    for (let n = 0; n < 100; n += 1) {
      log.commit('s-1', [{ kind: 'rows', command: n, columns: ['x'], rows, omitted: 0 }], 'written')
      if (refused > 0) break
    }
    assert.ok(refused > 0)
    await new Promise(setImmediate)
    assert.throws(() => log.commit('s-1', commandOf(1, 'SELECT 1'), 'written'), failed)
    assert.throws(() => log.commit('s-1', commandOf(1, 'SELECT 1'), 'written'), failed)
    assert.equal(events().at(-1)!['message'], 'the recording cannot be written: EIO')
  })

  it('fails when no file can be opened for a checkpoint', () => {
    let isBroken = false
    const { log } = logIn(dir, { disk: failing({ openSync: () => (isBroken ? refuse('EMFILE') : undefined) }) })
    log.commit('s-1', commandOf(1, 'SELECT 1'), 'written')
    isBroken = true
    assert.throws(() => tellStory(log), failed)
    assert.equal(events().at(-1)!['kind'], 'error')
  })

  it('fails at the next call when the flush of appended lines failed', async () => {
    let isBroken = false
    const { log, clock } = logIn(dir, { disk: failing({ writeSync: () => (isBroken ? refuse('ENOSPC') : undefined) }) })
    log.append('s-1', { kind: 'result', command: 1, tag: '', rows: 0, durationMs: 0 })
    isBroken = true
    await clock.pass(50)
    assert.equal(log.hasFailed, true)
    assert.throws(() => log.commit('s-1', commandOf(2, 'SELECT 2'), 'written'), failed)
  })

  it('tells those who wait for the queue', async () => {
    const { log } = logIn(dir, {
      limits: { maxQueuedBytes: 100 },
      disk: failing({ writeSync: bytes => (bytes.includes('"XX000"') ? refuse('EIO') : undefined) }),
    })
    assert.equal(log.append('s-1', { kind: 'error', command: null, code: 'XX000', message: 'x' }), false)
    await assert.rejects(log.drained(), failed)
  })

  it('never starts where nothing can be written', () => {
    assert.throws(() => logIn(dir, { disk: failing({ openSync: () => refuse('EACCES') }) }), failed)
    writeFileSync(path.join(dir, 'file'), '')
    assert.throws(
      () => logIn(path.join(dir, 'file', 'rec')),
      (error: unknown) => error instanceof SallyportError && error.why === 'ENOTDIR',
    )
  })
})

function lines(): string[] {
  const text = readFileSync(path.join(dir, 'events.jsonl'), 'utf8')
  assert.ok(text === '' || text.endsWith('\n'))
  return text.split('\n').slice(0, -1)
}

function events(): Record<string, unknown>[] {
  return lines().map(line => JSON.parse(line) as Record<string, unknown>)
}

function rootOf(of: readonly string[]): Buffer {
  const tree = new MerkleTree()
  for (const line of of) tree.append(hashLine(line))
  return tree.root()
}

/** All checkpoints, the newest last; each verified. */
function checkpoints(key: string): { origin: string; size: number; root: Buffer }[] {
  const { notes, rest } = splitCheckpoints(readFileSync(path.join(dir, 'checkpoints'), 'utf8'))
  assert.equal(rest, '')
  return [...notes, readFileSync(path.join(dir, 'checkpoint'), 'utf8')].map(note => {
    const checkpoint = openCheckpoint(note, readVerifier(key)!)
    assert.ok(checkpoint !== null)
    return checkpoint
  })
}

/** By the system's own command, so that it is not our code that agrees with itself. */
function sha256sum(name: string): string {
  return execFileSync('sha256sum', [path.join(dir, name)], { encoding: 'utf8' }).slice(0, 64)
}

/** A disk on which calls may be made to throw before they do anything. */
interface Refusals {
  writeSync?: (bytes: Buffer) => void
  openSync?: () => void
  fdatasyncSync?: () => void
  fsyncSync?: () => void
  renameSync?: () => void
}

function failing(calls: Refusals): Disk {
  return {
    ...fs,
    writeSync: ((fd: number, bytes: Buffer, offset: number, length: number) => {
      calls.writeSync?.(bytes.subarray(offset, offset + length))
      return fs.writeSync(fd, bytes, offset, length)
    }) as Disk['writeSync'],
    openSync: (...args) => (calls.openSync?.(), fs.openSync(...args)),
    fdatasyncSync: fd => (calls.fdatasyncSync?.(), fs.fdatasyncSync(fd)),
    fsyncSync: fd => (calls.fsyncSync?.(), fs.fsyncSync(fd)),
    renameSync: (...args) => (calls.renameSync?.(), fs.renameSync(...args)),
  }
}

function refuse(code: string): never {
  throw Object.assign(new Error(`${code}: refused`), { code })
}
