// `npm run faults`: 200 sessions of 10,000 events, with 10,000 faults of each of two sinks. Takes some minutes.
import { temporaryFolder } from './recordings.ts'
import { playFaults } from './upload-faults.ts'

const { dir, remove } = temporaryFolder()
const started = performance.now()
try {
  const { lines, segments, bucketFaults, folderFaults, log, inBucket, inFolder, unequal } = await playFaults(dir, 200, 10_000, 10_000)
  const isEqual = inBucket.equals(log) && inFolder.equals(log) && unequal.length === 0
  process.stdout.write(
    `${lines} lines, ${log.length} bytes, in ${segments} pieces; ${bucketFaults} faults of the bucket, ${folderFaults} of the folder, ${Math.round((performance.now() - started) / 1000)} s: ${isEqual ? 'both equal byte for byte' : 'NOT EQUAL'}\n`,
  )
  process.exitCode = isEqual ? 0 : 1
} finally {
  remove()
}
