import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { recordingFolder } from '../../cli/recording-folder.ts'

function record(name: string): void {
  mkdirSync(name, { recursive: true })
  writeFileSync(path.join(name, 'events.jsonl'), '')
}

describe('the folder of a new recording', () => {
  const before = process.cwd()
  let dir: string
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'sallyport-folder-')))
    process.chdir(dir)
  })
  afterEach(() => {
    process.chdir(before)
    rmSync(dir, { recursive: true, force: true })
  })

  it('is the one that was named, and what lies above it is made', () => {
    assert.equal(recordingFolder('deep/er/rec'), path.join(dir, 'deep/er/rec'))
    assert.ok(existsSync('deep/er') && !existsSync('deep/er/rec'))
  })

  it('without a name is the first that holds no recording', () => {
    assert.equal(recordingFolder(undefined), path.join(dir, 'sallyport-recording'))
    record('sallyport-recording')
    record('sallyport-recording-2')
    assert.equal(recordingFolder(undefined), path.join(dir, 'sallyport-recording-3'))
  })

  it('is refused when it holds a recording, by a link too, or is no folder', () => {
    record('rec')
    symlinkSync('rec', 'link')
    symlinkSync('nowhere', 'dangling')
    writeFileSync('file', '')
    for (const name of ['rec', 'link', 'dangling', 'file']) {
      assert.throws(() => recordingFolder(name), { code: 'RECORDING_FAILED' }, name)
    }
    assert.throws(() => recordingFolder('file/below'), { code: 'RECORDING_FAILED' })
  })

  it('may hold other files, or nothing yet', () => {
    mkdirSync('used')
    writeFileSync('used/notes.txt', '')
    assert.equal(recordingFolder('used'), path.join(dir, 'used'))
  })
})
