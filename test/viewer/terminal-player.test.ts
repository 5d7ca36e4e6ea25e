import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { decryptAge } from '../../gateway/record/age/age-file.ts'
import { sealedSampleRun } from '../../world/recording/sample-run.ts'
import { auditor, commandOf, logIn, openingOf, temporaryFolder } from '../record/recordings.ts'
import { findBrowser, startBrowser } from './browser.ts'
import { openPage, violations } from './opened-page.ts'
import type { OpenedPage } from './opened-page.ts'

const executable = findBrowser()

let root: string
let remove: () => void
let file: string
let browser: Browser

if (executable !== null) {
  describe('the terminal player in a browser', () => {
    before(async () => {
      ;({ dir: root, remove } = temporaryFolder())
      await sealedSampleRun(path.join(root, 'run'))
      file = path.join(root, 'run', 'replay.html')
      browser = await startBrowser(executable)
    })
    // Pages that nobody looks at any more would work on beside the next.
    afterEach(() => Promise.all(browser.contexts().map(context => context.close())))
    after(async () => {
      await browser.close()
      remove()
    })

    it('plays under the page’s policy: by the button, by keys, to the end, asking nobody', async () => {
      const { page, complaints, requests } = await playing(file)
      assert.equal(await page.getAttribute('.controls button', 'aria-label'), 'Play')
      await page.keyboard.press('>')
      await page.keyboard.press('>')
      await page.keyboard.press('>')
      await page.keyboard.press('>')
      await page.keyboard.press(' ')
      assert.equal(await page.getAttribute('.controls button', 'aria-label'), 'Pause')
      await page.locator('.screen', { hasText: '5 passed' }).waitFor()
      await page.locator('.controls button[aria-label="Play"]').waitFor()
      assert.deepEqual(complaints, [])
      assert.deepEqual(requests, [pathToFileURL(file).href])
    })

    it('starts by itself only where motion is welcome', async () => {
      const { page } = await playing(file, { reducedMotion: 'no-preference' })
      assert.equal(await page.getAttribute('.controls button', 'aria-label'), 'Pause')
    })

    it('shows the screen of any moment, by keys and by the slider', async () => {
      const { page } = await playing(file)
      assert.equal((await screen(page)).trim(), '')
      await page.keyboard.press('End')
      assert.match(await screen(page), /deploy@web-1:\/srv\/app\$ exit/)
      await page.keyboard.press('Home')
      assert.equal((await screen(page)).trim(), '')
      await page.keyboard.press('ArrowRight')
      assert.match(await screen(page), /systemctl status shop/)
      assert.doesNotMatch(await screen(page), /smoke-test/)
      await page.locator('.seek').fill('9')
      assert.match(await screen(page), /\.\/smoke-test/)
      await page.locator('.seek').press('ArrowLeft')
      assert.doesNotMatch(await screen(page), /\.\/smoke-test/)
      await page.locator('.screen').focus()
      await page.keyboard.press('/')
      assert.equal(await page.evaluate('document.activeElement.id'), 'search')
    })

    it('draws colours, the progress of a bar, and what a program drew over', async () => {
      const { page } = await playing(file)
      await page.keyboard.press('End')
      assert.equal((await screen(page)).match(/%/g)?.length, 1)
      const colours = await page
        .locator('.screen span', { hasText: 'slow: 1204 ms' })
        .evaluate(span => (span as unknown as { style: { color: string } }).style.color)
      assert.notEqual(colours, '')
      assert.equal(await page.locator('.screen .bold', { hasText: '5 passed' }).count(), 1)
    })

    it('finds text in the output, and goes from match to match', async () => {
      const { page } = await playing(file)
      await page.keyboard.press('f')
      await page.keyboard.type('GET /')
      assert.equal(await page.locator('.hits').textContent(), '1 of 4')
      assert.match(await screen(page), /GET \/ /)
      assert.doesNotMatch(await screen(page), /GET \/legacy/)
      await page.keyboard.press('Enter')
      assert.equal(await page.locator('.hits').textContent(), '2 of 4')
      await page.getByLabel('Previous match').click()
      await page.getByLabel('Previous match').click()
      assert.equal(await page.locator('.hits').textContent(), '4 of 4')
      assert.match(await screen(page), /GET \/legacy/)
      await page.fill('.controls input', 'nowhere')
      assert.equal(await page.locator('.hits').textContent(), 'not found')
    })

    it('keeps the moment when pauses are cut differently', async () => {
      const { page } = await playing(file)
      await page.locator('.seek').fill('6.5')
      const was = await screen(page)
      const time = await page.locator('.time').textContent()
      await page.selectOption('select[aria-label="Pauses"]', '')
      assert.equal(await screen(page), was)
      assert.notEqual(await page.locator('.time').textContent(), time)
    })

    it('follows a link to a moment, and makes one where it rests', async () => {
      const { page } = await open(file, {}, '#c5&t=5.0')
      await page.locator('.screen', { hasText: 'systemctl status' }).waitFor()
      assert.match((await page.locator('.time').textContent()) ?? '', /^0:05/)
      await page.locator('.screen').press('End')
      assert.match(String(await page.evaluate('location.hash')), /^#c5&t=1\d\.\d$/)
    })

    it('opens from its command by the Enter key', async () => {
      const { page } = await open(file, {}, '#c5')
      await page.keyboard.press('Enter')
      await page.locator('.player').waitFor()
    })

    it('shows the text of the terminal without scripts, and no password', async () => {
      const { page } = await open(file, { javaScriptEnabled: false })
      const shown = (await page.locator('#c5 details pre').textContent()) ?? ''
      assert.match(shown, /systemctl status shop --no-pager\n● shop\.service - The shop/)
      assert.match(shown, /5 passed, 1 slow/)
      assert.equal(shown.includes('\u001b') || shown.includes('⟦U+001B⟧'), false)
      assert.equal(readFileSync(file, 'utf8').includes('correct horse'), false)
      assert.equal(await page.locator('.open').count(), 0)
    })

    it('says TAMPERED when a terminal inside the page was exchanged', async () => {
      const changed = path.join(root, 'changed.html')
      const part = /(<script type="text\/plain" id="file:sessions\/[^"]+">\n)([^<]*)/
      const other = gzipSync('{"version":2,"width":80,"height":24}\n[0,"o","nothing happened"]\n').toString('base64')
      writeFileSync(
        changed,
        readFileSync(file, 'utf8').replace(part, (_, head: string) => `${head}${other}\n`),
      )
      const { page } = await open(changed)
      await page.locator('#badge[data-verdict]').waitFor()
      assert.match(
        (await page.locator('#badge').textContent()) ?? '',
        /^TAMPERED: sessions\/\S+ is not the terminal that the log speaks of\.$/,
      )
    })

    it('plays an encrypted recording’s terminal from the page that an auditor opened', async () => {
      const dir = path.join(root, 'sealed')
      await sealedSampleRun(dir, { encryptTo: [auditor().recipient] })
      const opened = path.join(root, 'opened.html')
      writeFileSync(opened, decryptAge(readFileSync(path.join(dir, 'replay.html.age')), auditor().identities)!)
      const { page } = await playing(opened)
      await page.keyboard.press('End')
      assert.match(await screen(page), /5 passed/)
      assert.equal(await page.getAttribute('#badge', 'data-verdict'), 'intact')
    })

    it('obeys nothing that a terminal says', async () => {
      const dir = path.join(root, 'evil')
      const { log } = logIn(dir)
      log.commit(null, [openingOf(log.key)], 'synced')
      log.commit('s-1', commandOf(1, 'shell'), 'written')
      const terminal = log.openTerminal('s-1', 1, { columns: 80, rows: 10 }, '</script><img src=x>')
      const evil = `</script></pre><img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`
      terminal.output(
        Buffer.from(`${evil}\u001b]0;owned\u0007\u001b]8;;javascript:alert(1)\u0007link\u001b]8;;\u0007\u202e\r\n日本 wide\r\n`),
      )
      await log.seal({ reason: 'finished' })
      const { page, complaints, requests } = await playing(path.join(dir, 'replay.html'))
      await page.keyboard.press('End')
      assert.match(await screen(page), /<img src=x/)
      assert.notEqual(await page.title(), 'owned')
      assert.equal(await page.locator('img, .screen a').count(), 0)
      assert.deepEqual(await page.locator('.screen .double').allTextContents(), ['日', '本'])
      assert.deepEqual([complaints, requests.length], [[], 1])
    })

    for (const colorScheme of ['light', 'dark'] as const)
      it(`has no accessibility violations with a terminal and the list of keys open, ${colorScheme}`, async () => {
        const { page } = await playing(file, { colorScheme, bypassCSP: true })
        await page.keyboard.press('End')
        await page.addScriptTag({ content: axe.source })
        assert.deepEqual(await violations(page), [])
        await page.locator('.screen').blur()
        await page.keyboard.press('?')
        assert.deepEqual(await violations(page), [])
      })
  })
}

function open(at: string, options: BrowserContextOptions = {}, hash = ''): Promise<OpenedPage> {
  return openPage(browser, at, { reducedMotion: 'reduce', ...options }, hash)
}

/** The page with its terminal open, resting at its beginning. */
async function playing(at: string, options: BrowserContextOptions = {}): Promise<OpenedPage> {
  const seen = await open(at, options)
  await seen.page.locator('#badge[data-verdict]').waitFor()
  await seen.page.locator('.terminal .open').click()
  await seen.page.locator('.screen:focus').waitFor()
  return seen
}

function screen(page: Page): Promise<string> {
  return page.locator('.screen .line').evaluateAll(lines => lines.map(line => line.textContent).join('\n'))
}
