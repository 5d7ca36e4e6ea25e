// `npm run tamper`: every byte of a recording of 64 KiB is changed in turn, and some of its page; then every line, note, statement and file
// is forged in every way there is. Each change must be detected. Takes some minutes.
import path from 'node:path'
import { temporaryFolder } from './recordings.ts'
import { forgeriesOf } from './forgeries.ts'
import { flipAll, recordingOf64K, verifyIn } from './tampering.ts'

const { dir, remove } = temporaryFolder()
const started = performance.now()
try {
  const { files, key } = await recordingOf64K(path.join(dir, 'recording'))
  const { flipped, missed } = await flipAll(files, key, 1, 0, done => {
    if (done % 8192 === 0) process.stderr.write(`${done} bytes, ${Math.round((performance.now() - started) / 1000)} s\n`)
  })
  process.stdout.write(`${flipped} bytes changed in turn, ${flipped - missed.length} of them detected\n`)
  for (const each of missed.slice(0, 20)) process.stdout.write(`not detected: ${each}\n`)
  const { files: other } = await recordingOf64K(path.join(dir, 'other'), 'goodbye')
  const believed: string[] = []
  let forged = 0
  for (const forgery of forgeriesOf(files, other))
    for (const given of [key, undefined]) {
      forged += 1
      if ((await verifyIn(forgery.files, given)).verdict !== 'tampered') believed.push(forgery.what)
    }
  process.stdout.write(`${forged} forgeries, ${forged - believed.length} of them detected\n`)
  for (const each of believed.slice(0, 20)) process.stdout.write(`not detected: ${each}\n`)
  process.exitCode = missed.length + believed.length === 0 ? 0 : 1
} finally {
  remove()
}
