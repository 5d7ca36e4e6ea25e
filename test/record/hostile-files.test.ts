// Files that nobody would take for a recording, and that could cost whoever verifies them an hour or all memory.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { sealedStage, verifyIn } from './tampering.ts'
import type { Files, SealedStage } from './tampering.ts'

let stage: SealedStage
before(async () => {
  stage = await sealedStage()
})
after(() => stage.remove())

describe('files that were made to keep whoever verifies them busy', () => {
  const MiB = 1024 * 1024
  const hostile: Record<string, Files> = {
    'checkpoints without a line end': { checkpoints: Buffer.alloc(16 * MiB, 'x') },
    'checkpoints of nothing but line ends': { checkpoints: Buffer.alloc(16 * MiB, '\n') },
    'checkpoints of nothing but short lines': { checkpoints: Buffer.alloc(16 * MiB, 'x\n') },
    'a statement that begins again and again': { 'statement.dsse.json': Buffer.alloc(8 * MiB, '{"payload":"eA==",') },
    'a statement that is nested without end': { 'statement.dsse.json': Buffer.alloc(8 * MiB, '[') },
    'a statement that is too large': { 'statement.dsse.json': Buffer.alloc(17 * MiB, ' ') },
    'a log of one line': { 'events.jsonl': Buffer.alloc(16 * MiB, 'x') },
    'a log that is nested without end': { 'events.jsonl': Buffer.alloc(4 * MiB, '{"a":') },
    'a log of nothing but line ends': { 'events.jsonl': Buffer.alloc(MiB / 4, '\n') },
  }
  for (const [what, files] of Object.entries(hostile))
    it(`do not: ${what}`, async () => {
      const started = process.cpuUsage()
      const { verdict, wrong } = await verifyIn({ ...stage.files, ...files }, stage.key)
      const { user, system } = process.cpuUsage(started)
      assert.equal(verdict, 'tampered')
      assert.ok(wrong.length <= 101 && wrong.join('').length < 64 * 1024, 'it says too much')
      assert.ok((user + system) / 1e6 < 4, `${(user + system) / 1e6} s`)
    })

  it('do not: the same checkpoint a hundred thousand times', async () => {
    const note = stage.files['checkpoint']!
    const { verdict, wrong } = await verifyIn(
      { ...stage.files, checkpoints: Buffer.concat(Array.from({ length: 100_000 }, () => note)) },
      stage.key,
    )
    assert.equal(verdict, 'tampered')
    assert.ok(wrong.length <= 101)
  })

  it('do not: a log that names more terminals than there can be', async () => {
    const opening = stage.files['events.jsonl']!.toString('utf8').match(/[^\n]*\n/)![0]
    const named = Array.from(
      { length: 120_000 },
      (_, at) => `{"seq":${at + 2},"at":"","ms":1,"session":"s","kind":"file","operation":"terminal-open","path":"sessions/${at}.cast"}\n`,
    )
    const { verdict, wrong } = await verifyIn({ ...stage.files, 'events.jsonl': Buffer.from(opening + named.join('')) }, stage.key)
    assert.equal(verdict, 'tampered')
    assert.ok(wrong.some(line => line.endsWith('it names a terminal that no recording can have')) || wrong.length === 101)
  })

  it('do not: pipes and links among the pieces of a bucket’s copy', async () => {
    const dir = path.join(stage.dir, 'shipped')
    mkdirSync(path.join(dir, 'events'), { recursive: true })
    const piece = path.join(dir, 'events', `000000000001-000000000003.${'a'.repeat(64)}.jsonl`)
    execFileSync('mkfifo', [piece])
    assert.notEqual((await verifyRecording(dir)).verdict, 'intact')
    rmSync(piece)
    symlinkSync('/dev/zero', piece)
    assert.notEqual((await verifyRecording(dir)).verdict, 'intact')
  })
})
