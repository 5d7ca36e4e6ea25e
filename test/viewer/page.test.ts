import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { commandOf, logIn, openingOf, sealedStory, temporaryFolder } from '../record/recordings.ts'
import { sealedSampleRun } from '../../world/recording/sample-run.ts'
import { findBrowser, startBrowser } from './browser.ts'
import { openPage, violations } from './opened-page.ts'
import type { OpenedPage } from './opened-page.ts'

const executable = findBrowser()

let root: string
let remove: () => void
let file: string
let key: string
/** The page of the sample run. */
let sample: string
let browser: Browser

/** Without a browser there is nothing to look with; set-up says so. */
if (executable !== null) {
  describe('the replay page in a browser', () => {
    before(async () => {
      ;({ dir: root, remove } = temporaryFolder())
      ;({ key } = await sealedStory(path.join(root, 'rec')))
      file = path.join(root, 'rec', 'replay.html')
      await sealedSampleRun(path.join(root, 'sample'))
      sample = path.join(root, 'sample', 'replay.html')
      browser = await startBrowser(executable)
    })
    // Pages that nobody looks at any more would work on beside the next.
    afterEach(() => Promise.all(browser.contexts().map(context => context.close())))
    after(async () => {
      await browser.close()
      remove()
    })

    it('checks itself, asks nobody, and breaks no rule of its own policy', async () => {
      const seen = await open(file)
      await verdict(seen.page, 'intact')
      assert.match(await text(seen.page, '#badge'), /^Intact \(self-check\): 17 lines, signed by the key below\.$/)
      assert.deepEqual(seen.requests, [pathToFileURL(file).href])
      assert.deepEqual(seen.complaints, [])
    })

    it('says TAMPERED when a line inside it was changed', async () => {
      const changed = path.join(root, 'changed.html')
      const other = path.join(root, 'other')
      await sealedStory(other)
      const part = /(<script type="text\/plain" id="file:events.jsonl">\n)([^<]*)/
      const [, , foreign] = part.exec(readFileSync(path.join(other, 'replay.html'), 'utf8'))!
      writeFileSync(
        changed,
        readFileSync(file, 'utf8').replace(part, (_, head: string) => head + foreign!),
      )
      await verdict((await open(changed)).page, 'tampered')
      writeFileSync(
        changed,
        readFileSync(file, 'utf8').replace(
          part,
          (_, head: string, packed: string) => `${head}${packed.slice(0, 100)}A${packed.slice(101)}`,
        ),
      )
      await verdict((await open(changed)).page, 'tampered')
    })

    it('says TAMPERED when the signature of the checkpoint was changed', async () => {
      const { gzipSync } = await import('node:zlib')
      const note = readFileSync(path.join(root, 'rec', 'checkpoint'), 'utf8').replace(
        /(.)(.{40})=\n$/,
        (_, one: string, rest: string) => `${one === 'A' ? 'B' : 'A'}${rest}=\n`,
      )
      const part = /(<script type="text\/plain" id="file:checkpoint">\n)([^<]*)/
      const changed = path.join(root, 'unsigned.html')
      writeFileSync(
        changed,
        readFileSync(file, 'utf8').replace(part, (_, head: string) => `${head}${gzipSync(note).toString('base64')}\n`),
      )
      const { page } = await open(changed)
      await verdict(page, 'tampered')
      assert.match(await text(page, '#badge'), /not signed by the key/)
    })

    it('compares the key that the reader has from elsewhere', async () => {
      const { page } = await open(file)
      await verdict(page, 'intact')
      await page.fill('#expected-key', ` ${key} `)
      assert.equal(await text(page, '#key-answer'), 'The same key.')
      await page.fill('#expected-key', key.replace('+', '+0'))
      assert.match(await text(page, '#key-answer'), /^ANOTHER key/)
    })

    it('searches and filters, by mouse and by keys', async () => {
      const { page } = await open(file)
      assert.equal(await text(page, '#count'), '3 commands')
      await page.keyboard.press('/')
      await page.keyboard.type('TABLE customers')
      assert.equal(await text(page, '#count'), '1 of 3 commands')
      assert.deepEqual(await shown(page), ['c2'])
      await page.keyboard.press('Escape')
      assert.equal(await text(page, '#count'), '3 commands')
      await page.keyboard.press('3')
      assert.deepEqual(await shown(page), ['c3'])
      await page.keyboard.press('1')
      assert.deepEqual(await shown(page), ['c1', 'c2', 'c3'])
      await page.keyboard.press('j')
      await page.keyboard.press('j')
      assert.equal(await page.evaluate('document.activeElement.id'), 'c2')
      await page.keyboard.press('k')
      assert.equal(await page.evaluate('document.activeElement.id'), 'c1')
    })

    it('filters by connection, rule and session where there are several', async () => {
      const { page } = await open(sample)
      await page.selectOption('#connection', 'web')
      assert.deepEqual(await shown(page), ['c5'])
      await page.keyboard.press('Escape')
      await page.selectOption('#rule', 'no-ddl')
      assert.deepEqual(await shown(page), ['c2'])
      await page.selectOption('#session', 's-Zr7nB0dTq3Yc')
      assert.equal(await text(page, '#count'), '0 of 5 commands')
      assert.equal(await (await open(file)).page.locator('#session').count(), 0)
    })

    it('shows what the keys do, and goes back when asked', async () => {
      const { page, complaints } = await open(file)
      await page.keyboard.press('?')
      assert.equal(await page.locator('dialog').isVisible(), true)
      await page.keyboard.press('j')
      assert.equal(await page.evaluate('document.activeElement.id'), '')
      await page.keyboard.press('Escape')
      assert.equal(await page.locator('dialog').isVisible(), false)
      assert.deepEqual(complaints, [])
    })

    it('follows a link to a command, also one that is filtered away', async () => {
      const { page } = await open(file, {}, '#c2')
      assert.equal(await page.evaluate('document.activeElement.id'), 'c2')
      await page.keyboard.press('3')
      assert.deepEqual(await shown(page), ['c3'])
      await page.evaluate("location.hash = '#c1'")
      await page.locator('#c1').waitFor()
      assert.deepEqual(await shown(page), ['c1', 'c2', 'c3'])
    })

    it('shows masked cells, NULL, what was left out, and who approved', async () => {
      const { page } = await open(file)
      assert.deepEqual(await page.locator('#c1 td').allTextContents(), ['1', '•••', '2', 'NULL'])
      assert.equal(await page.getAttribute('#c1 td.masked', 'title'), 'masked: rule pii')
      assert.match(await text(page, '#c1'), /1 more rows were not kept.*masked: public\.customers\.email by rule pii, 2 values/)
      assert.match(await text(page, '#c2'), /✗ denied.*rule no-ddl.*DROP TABLE customers/)
      assert.match(await text(page, '#c3'), /approved by dana at 2026-01-02T03:10:45\.000Z/)
      assert.equal(await page.locator('#c3 a[href="https://github.com/acme/shop/pull/42#issuecomment-2"]').count(), 1)
    })

    it('colours SQL without adding or leaving out a character, and colours nothing else', async () => {
      const { page } = await open(sample)
      const of = (kind: string): Promise<string[]> => page.locator(`#c3 .sql-${kind}`).allTextContents()
      assert.deepEqual(await of('keyword'), ['DELETE', 'FROM', 'WHERE', 'interval'])
      assert.deepEqual(await of('string'), ["'90 days'"])
      assert.equal(await text(page, '#c3 code'), "DELETE FROM carts WHERE updated_at < now() - interval '90 days'")
      assert.equal(await page.locator('#c5 code span').count(), 0)
    })

    it('is readable without scripts, and then claims nothing', async () => {
      const { page } = await open(file, { javaScriptEnabled: false })
      assert.match(await text(page, '#badge'), /^Not checked: scripts are off\. Run sallyport verify on this file\.$/)
      assert.deepEqual(await shown(page), ['c1', 'c2', 'c3'])
      assert.equal(await page.locator('#tools').isVisible(), false)
    })

    for (const colorScheme of ['light', 'dark'] as const)
      it(`has no accessibility violations, ${colorScheme}`, async () => {
        const { page } = await open(file, { colorScheme, bypassCSP: true })
        await verdict(page, 'intact')
        await page.addScriptTag({ content: axe.source })
        assert.deepEqual(await violations(page), [])
      })

    it('obeys nothing that a command says', async () => {
      const evil = `</script></pre><img src=x onerror="document.title='owned'"><script>document.title='owned'</script>\u202e<!--`
      const dir = path.join(root, 'evil')
      const { log } = logIn(dir)
      log.commit(null, [openingOf(log.key)], 'synced')
      log.commit(evil, [{ kind: 'session.open', connection: evil, protocol: 'postgres', client: evil, user: evil }], 'written')
      log.commit(evil, commandOf(1, evil), 'written')
      log.append(evil, { kind: 'rows', command: 1, columns: [evil], rows: [[evil]], omitted: 0 })
      log.append(evil, { kind: 'error', command: 1, code: evil, message: evil })
      await log.seal({ reason: evil })
      const { page, complaints, requests } = await open(path.join(dir, 'replay.html'))
      await verdict(page, 'intact')
      assert.notEqual(await page.title(), 'owned')
      assert.equal(await page.locator('img').count(), 0)
      assert.equal(await text(page, '#c1 code'), evil.replace('\u202e', '⟦U+202E⟧'))
      assert.deepEqual(complaints, [])
      assert.equal(requests.length, 1)
    })

    it('has a window of thousands of commands in its document, and finds any of them', async () => {
      const dir = path.join(root, 'many')
      const { log } = logIn(dir)
      log.commit(null, [openingOf(log.key)], 'synced')
      for (let command = 1; command <= 3000; command += 1) {
        log.commit('s-1', commandOf(command, `SELECT abalance FROM pgbench_accounts WHERE aid = ${command}`), 'written')
        log.append('s-1', { kind: 'result', command, tag: 'SELECT 1', rows: 1, durationMs: 0.5 })
      }
      await log.seal({ reason: 'finished' })
      const many = path.join(dir, 'replay.html')
      const { page } = await open(many)
      await verdict(page, 'intact')
      const built = (): Promise<number> => page.locator('#commands li').count()
      assert.equal(await text(page, '#count'), '3000 commands')
      assert.ok((await built()) <= 200, `${await built()} commands are in the document`)
      await page.evaluate("location.hash = '#c2345'")
      await page.locator('#c2345:focus').waitFor()
      assert.equal(await page.locator('#c2345').isVisible(), true)
      await page.evaluate('new Promise(resolve => setTimeout(resolve, 100))')
      assert.ok((await built()) <= 300, `${await built()} commands are in the document`)
      await page.fill('#search', 'aid = 2999')
      assert.equal(await text(page, '#count'), '1 of 3000 commands')
      assert.deepEqual(await shown(page), ['c2999'])
      const silent = await open(many, { javaScriptEnabled: false })
      assert.equal(await silent.page.locator('#commands li').count(), 3000)
    })
  })
}

function open(at: string, options?: BrowserContextOptions, hash?: string): Promise<OpenedPage> {
  return openPage(browser, at, options, hash)
}

async function verdict(page: Page, wanted: string): Promise<void> {
  await page.locator('#badge[data-verdict]').waitFor()
  assert.equal(await page.getAttribute('#badge', 'data-verdict'), wanted)
}

async function text(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).textContent()) ?? ''
}

function shown(page: Page): Promise<string[]> {
  return page.locator('#commands li:visible').evaluateAll(items => items.map(item => item.id))
}
