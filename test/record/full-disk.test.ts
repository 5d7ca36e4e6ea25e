import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { temporaryFolder } from './recordings.ts'

const writer = path.join(import.meta.dirname, 'limited-writer.ts')

let root: string
let remove: () => void
before(() => ({ dir: root, remove } = temporaryFolder()))
after(() => remove())

describe('a file system that takes no more', () => {
  it('stops the commands at the limit the kernel sets, with every one that ran in the log, whole', async () => {
    const dir = path.join(root, 'limited')
    // Files of this process may have 600 kB at most; the kernel cuts the write that crosses it and refuses the rest with EFBIG.
    const run = spawnSync('bash', ['-c', `ulimit -f 600 && exec "$0" "$1" "$2"`, process.execPath, writer, dir], { encoding: 'utf8' })
    const told = run.stdout.trimEnd().split('\n')
    assert.match(told.pop() ?? '', /^RECORDING_FAILED (?:EFBIG|short write)/, run.stderr)
    assert.ok(told.length > 100)
    const text = readFileSync(path.join(dir, 'events.jsonl'), 'utf8')
    assert.ok(text.endsWith('\n'))
    const events = text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    const recorded = new Set(events.filter(({ kind }) => kind === 'decision').map(({ command }) => String(command)))
    assert.deepEqual(
      told.filter(command => !recorded.has(command)),
      [],
    )
    assert.equal(existsSync(path.join(dir, '.reserve')), false)
    const report = await verifyRecording(dir)
    assert.equal(report.verdict, 'incomplete', report.wrong.join('; '))
  })
})
