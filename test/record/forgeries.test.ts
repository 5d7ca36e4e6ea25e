// Who has no key forges a recording in every way there is. `npm run tamper` forges every line of it; here a share of them.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { forgeriesOf, pageForgeriesOf } from './forgeries.ts'
import { recordingOf64K, sealedStage, verifyIn } from './tampering.ts'
import type { Files, SealedStage } from './tampering.ts'

const SHARE = 64

let stage: SealedStage
before(async () => {
  stage = await sealedStage()
})
after(() => stage.remove())

describe('a forger without the key', () => {
  let other: Files
  before(async () => void ({ files: other } = await recordingOf64K(path.join(stage.dir, 'other'), 'goodbye')))

  it('cannot write any line, note, statement or file in another way, or put another in its place', async () => {
    let forged = 0
    for (const { what, files } of forgeriesOf(stage.files, other)) {
      // Of the many lines a share, another one each time; of everything else all.
      if (what.startsWith('line ') && Math.random() * SHARE > 2) continue
      forged += 1
      const report = await verifyIn(files, forged % 2 === 0 ? stage.key : undefined)
      assert.equal(report.verdict, 'tampered', what)
      assert.ok(report.wrong.length > 0 && report.wrong.length <= 101, what)
    }
    assert.ok(forged > 150, `only ${forged} forgeries`)
  })

  it('cannot have a page show anything else, alone and by itself', async () => {
    const file = path.join(stage.dir, 'page.html')
    for (const { what, page } of pageForgeriesOf(stage.files['replay.html']!.toString(), other['replay.html']!.toString())) {
      assert.notEqual(page, stage.files['replay.html']!.toString(), what)
      writeFileSync(file, page)
      for (const given of [{ key: stage.key }, {}]) {
        const verdict = await verifyRecording(file, given).then(
          report => report.verdict,
          (error: unknown) => (error as { code: string }).code,
        )
        assert.ok(verdict !== 'intact' && verdict !== 'INTERNAL', `${what}: ${verdict}`)
      }
    }
  })
})
