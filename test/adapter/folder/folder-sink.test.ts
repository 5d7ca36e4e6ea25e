import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Segment } from '../../../gateway/core/sink.ts'
import { openFolderSink } from '../../../gateway/adapter/folder/folder-sink.ts'

const files = ['checkpoint', 'events.jsonl', 'sessions/s-1.cast']
const never = new AbortController().signal
let root: string
let dir: string
let audit: string

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'sallyport-folder-'))
  dir = path.join(root, 'recording')
  audit = path.join(root, 'audit')
  mkdirSync(path.join(dir, 'sessions'), { recursive: true })
  for (const file of files) writeFileSync(path.join(dir, file), `${file}\n`)
  writeFileSync(path.join(dir, 'other'), 'not shipped')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

describe('shipping to a folder', () => {
  it('makes a sub-folder of the run with every file, byte for byte, for its owner only', async () => {
    const sink = sinkFor('run-1')
    assert.equal(sink.name, pathToFileURL(audit).href)
    assert.deepEqual(await sink.ship(dir, files, never), { url: null, pageUrl: null })
    assert.deepEqual(readdirSync(audit), ['run-1'])
    assert.deepEqual(readdirSync(path.join(audit, 'run-1')).toSorted(), ['checkpoint', 'events.jsonl', 'sessions'])
    for (const file of files) {
      assert.deepEqual(readFileSync(path.join(audit, 'run-1', file)), readFileSync(path.join(dir, file)))
      assert.equal(statSync(path.join(audit, 'run-1', file)).mode & 0o077, 0)
    }
  })

  it('may ship the same recording again', async () => {
    await sinkFor('run-1').ship(dir, files, never)
    await sinkFor('run-1').ship(dir, files, never)
    assert.deepEqual(readdirSync(audit), ['run-1'])
  })

  it('never writes over another recording', async () => {
    await sinkFor('run-1').ship(dir, files, never)
    writeFileSync(path.join(dir, 'events.jsonl'), 'forged')
    await assert.rejects(sinkFor('run-1').ship(dir, files, never), { code: 'RECORDING_FAILED' })
    assert.equal(readFileSync(path.join(audit, 'run-1', 'events.jsonl'), 'utf8'), 'events.jsonl\n')
    assert.deepEqual(readdirSync(audit), ['run-1'])
  })

  it('leaves nothing behind when a file cannot be shipped', async () => {
    await assert.rejects(sinkFor('run-1').ship(dir, [...files, 'missing'], never), { code: 'RECORDING_FAILED' })
    assert.deepEqual(readdirSync(audit), [])
  })

  it('fails when the folder cannot be made', async () => {
    writeFileSync(audit, '')
    await assert.rejects(sinkFor('run-1').ship(dir, files, never), { code: 'RECORDING_FAILED', why: 'ENOTDIR' })
  })

  it('stops when told to', async () => {
    await assert.rejects(sinkFor('run-1').ship(dir, files, AbortSignal.abort(new Error('cancelled'))), { message: 'cancelled' })
    assert.equal(existsSync(path.join(audit, 'run-1')), false)
  })

  it('takes only a folder of this machine and a plain name', () => {
    for (const url of ['file://host/x', 'https://example.com/', 'audit'])
      assert.throws(() => openFolderSink({ url, run: 'run-1' }), { code: 'USAGE' })
    for (const run of ['', '..', '../x', 'a/b', '.hidden']) assert.throws(() => sinkFor(run), { code: 'USAGE' })
  })
})

describe('gathering a log in a folder while the run goes on', () => {
  it('keeps what came, as often as it came, and gives it to the recording at the end', async () => {
    const sink = sinkFor('run-1')
    const log = readFileSync(path.join(dir, 'events.jsonl'))
    const pieces = [pieceOf(log, 0, 4), pieceOf(log, 4, log.length)]
    for (const piece of [pieces[0], pieces[0], pieces[1], pieces[1]]) if (piece !== undefined) await sink.shipSegment?.(piece, never)
    assert.deepEqual(readdirSync(audit), ['run-1.incomplete'])
    assert.deepEqual(readFileSync(path.join(audit, 'run-1.incomplete', 'events.jsonl')), log)
    assert.equal(readFileSync(path.join(audit, 'run-1.incomplete', 'checkpoint'), 'utf8'), `note to ${log.length}`)
    assert.equal(statSync(path.join(audit, 'run-1.incomplete', 'events.jsonl')).mode & 0o077, 0)
    await sink.ship(dir, files, never)
    assert.deepEqual(readdirSync(audit), ['run-1'])
    for (const file of files) assert.deepEqual(readFileSync(path.join(audit, 'run-1', file)), readFileSync(path.join(dir, file)))
  })

  it('is not believed at the end when it was changed', async () => {
    const sink = sinkFor('run-1')
    const log = readFileSync(path.join(dir, 'events.jsonl'))
    await sink.shipSegment?.(pieceOf(log, 0, log.length), never)
    writeFileSync(path.join(audit, 'run-1.incomplete', 'events.jsonl'), log.toString().toUpperCase())
    await sink.ship(dir, files, never)
    assert.deepEqual(readFileSync(path.join(audit, 'run-1', 'events.jsonl')), log)
  })

  it('is kept when the recording cannot be shipped, and fails when lines were taken from it', async () => {
    const sink = sinkFor('run-1')
    const log = readFileSync(path.join(dir, 'events.jsonl'))
    await sink.shipSegment?.(pieceOf(log, 0, 4), never)
    await assert.rejects(sink.ship(dir, [...files, 'missing'], never), { code: 'RECORDING_FAILED' })
    assert.deepEqual(readdirSync(audit), ['run-1.incomplete'])
    writeFileSync(path.join(audit, 'run-1.incomplete', 'events.jsonl'), '')
    await assert.rejects(async () => sink.shipSegment?.(pieceOf(log, 4, log.length), never), { code: 'RECORDING_FAILED' })
  })
})

function pieceOf(log: Buffer, offset: number, end: number): Segment {
  return { from: 1, to: 1, offset, bytes: log.subarray(offset, end), sha256: '', checkpoint: `note to ${end}`, keys: null }
}

function sinkFor(run: string): ReturnType<typeof openFolderSink> {
  return openFolderSink({ url: pathToFileURL(audit).href, run })
}
