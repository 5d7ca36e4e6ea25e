import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { temporaryFolder } from './recordings.ts'
import { playFaults } from './upload-faults.ts'

let root: string
let remove: () => void
before(() => ({ dir: root, remove } = temporaryFolder()))
after(() => remove())

describe('a run of 200 sessions whose sinks fail thousands of times', () => {
  it('is in both of them, equal byte for byte, with every file', async () => {
    const run = await playFaults(root, 200, 30, 1500)
    assert.ok(run.bucketFaults >= 1500 && run.folderFaults >= 1000, `${run.bucketFaults} and ${run.folderFaults} faults`)
    assert.ok(run.lines > 200 * 30 && run.segments > 50, `${run.lines} lines in ${run.segments} pieces`)
    assert.ok(run.inBucket.equals(run.log), 'the bucket has other bytes than the log')
    assert.ok(run.inFolder.equals(run.log), 'the folder has other bytes than the log')
    assert.deepEqual(run.unequal, [])
  })
})
