import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
// @ts-expect-error -- tools are plain JavaScript without declarations
import { viewerAssets } from '../../tools/build-viewer.mjs'

describe('the script and style of the page', () => {
  it('are what viewer/ builds: run `node tools/build-viewer.mjs` after a change there', async () => {
    const file = path.resolve(import.meta.dirname, '../../gateway/record/viewer-assets.ts')
    assert.equal(readFileSync(file, 'utf8'), await (viewerAssets as () => Promise<string>)())
  })
})
