// Takes the pictures of the replay page that stand in docs/: light, dark, and a terminal. Needs Chromium.
// Run it after a change of what the page shows: node_modules/.bin/node tools/page-pictures.mjs [FOLDER]
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { findBrowser, startBrowser } from '../test/viewer/browser.ts'
import { sealedSampleRun } from '../world/recording/sample-run.ts'

const out = process.argv[2] ?? path.resolve(import.meta.dirname, '../docs/images')
const size = { width: 1200, height: 1400 }

const executable = findBrowser()
if (executable === null) throw new Error('there is no Chromium on this machine')
const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-pictures-'))
const browser = await startBrowser(executable)
try {
  await sealedSampleRun(path.join(dir, 'run'))
  const url = pathToFileURL(path.join(dir, 'run', 'replay.html')).href
  for (const colorScheme of ['light', 'dark']) {
    const page = await open(url, colorScheme)
    await page.screenshot({ path: path.join(out, `replay-${colorScheme}.png`) })
  }
  const page = await open(url, 'dark')
  await page.locator('.terminal .open').click()
  await page.locator('.player').waitFor()
  await page.locator('.screen').press('End')
  await page.locator('.player').evaluate(player => player.scrollIntoView({ block: 'center' }))
  await page.locator('.terminal').screenshot({ path: path.join(out, 'replay-terminal.png') })
} finally {
  await browser.close()
  rmSync(dir, { recursive: true, force: true })
}

async function open(url, colorScheme) {
  const context = await browser.newContext({ colorScheme, viewport: size, reducedMotion: 'reduce' })
  const page = await context.newPage()
  await page.goto(url)
  await page.locator('#badge[data-verdict="intact"]').waitFor()
  return page
}
