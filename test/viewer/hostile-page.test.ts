import assert from 'node:assert/strict'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import type { EventBody } from '../../gateway/core/events.ts'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { commandOf, logIn, openingOf, temporaryFolder } from '../record/recordings.ts'
import { findBrowser, startBrowser } from './browser.ts'
import { openPage } from './opened-page.ts'

const executable = findBrowser()

/** Without a browser there is nothing to look with; set-up says so. */
if (executable !== null) {
  let root: string
  let remove: () => void
  let browser: Browser
  before(async () => {
    ;({ dir: root, remove } = temporaryFolder())
    browser = await startBrowser(executable)
  })
  after(async () => {
    await browser.close()
    remove()
  })

  describe('a replay page of a run whose every text is hostile', () => {
    it('obeys nothing that any member of any event says', async () => {
      const evil = `</script></pre></title></style>"'><img src=x onerror="document.title='owned'"><script>document.title='owned'</script><a href="javascript:document.title='owned'">x</a>\u202e\n<li id="c9">--><!--`
      const dir = path.join(root, 'evil')
      const hostile = (event: EventBody): EventBody => withTexts(event, evil)
      const { log } = logIn(dir)
      const people = { id: 7, login: evil, at: evil, evidence: `javascript:document.title='owned'//${evil}` }
      log.commit(null, [{ ...hostile(openingOf(log.key)), key: log.key } as EventBody], 'synced')
      log.commit(evil, [hostile({ kind: 'session.open', connection: evil, protocol: 'postgres', client: evil, user: evil })], 'written')
      for (const outcome of ['allow', 'ask', 'deny'] as const) {
        const command = log.nextCommand()
        log.commit(evil, commandOf(command, evil, outcome).map(hostile), 'written')
        log.append(evil, {
          kind: 'ask',
          command,
          code: evil,
          approvers: evil,
          needs: 1,
          until: evil,
          where: `javascript:x//${evil}`,
          digest: evil,
        })
        log.append(evil, { kind: 'answer', command, code: evil, outcome: 'approved', by: [people], reason: evil })
        log.append(evil, { kind: 'rows', command, columns: [evil, evil], rows: [[evil, '[redacted]' + evil]], omitted: 1 })
        log.append(evil, { kind: 'mask', command, rule: evil, column: evil, values: 1 })
        log.append(evil, { kind: 'file', command, path: evil, operation: evil, bytes: 1, digest: evil })
        log.append(evil, { kind: 'result', command, tag: evil, rows: 1, durationMs: 1 })
        log.append(evil, { kind: 'error', command, code: evil, message: evil })
      }
      log.append(evil, { kind: 'error', command: null, code: evil, message: evil })
      const terminal = log.openTerminal('s-1', 1, { columns: 80, rows: 24 }, evil)
      terminal.output(Buffer.from(`\u001b]0;${evil}\u0007${evil}`))
      terminal.close()
      log.commit(evil, [{ kind: 'session.close', reason: evil, commands: 3, durationMs: 1 }], 'synced')
      await log.seal({ reason: evil })
      const file = path.join(dir, 'replay.html')
      for (const javaScriptEnabled of [true, false]) {
        const { page, complaints, requests } = await openPage(browser, file, { javaScriptEnabled })
        if (javaScriptEnabled) {
          await page.locator('#badge[data-verdict]').waitFor()
          assert.equal(await page.getAttribute('#badge', 'data-verdict'), 'intact')
        }
        assert.notEqual(await page.title(), 'owned')
        assert.equal(await page.locator('img, iframe, object, embed, base, form, meta[http-equiv=refresh], a[href^=javascript]').count(), 0)
        assert.deepEqual(await page.locator('#commands li').evaluateAll(items => items.map(item => item.id)), ['c1', 'c2', 'c3'])
        assert.equal(await page.locator('script:not([type])').count(), 1)
        assert.equal(await page.locator('#c1 code').textContent(), evil.replace('\u202e', '⟦U+202E⟧'))
        assert.doesNotMatch(await page.content(), /\u202e/)
        assert.deepEqual(complaints, [])
        assert.equal(requests.length, 1)
      }
      assert.equal((await verifyRecording(file, { key: log.key })).verdict, 'intact')
    })
  })
}

/** Every text of it, however deep, but its kind and what decides how it is shown. */
function withTexts<T>(value: T, text: string, name = ''): T {
  if (typeof value === 'string') return (['kind', 'outcome', 'protocol'].includes(name) ? value : text) as T
  if (Array.isArray(value)) return value.map((each: unknown) => withTexts(each, text)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([member, each]) => [member, withTexts(each as unknown, text, member)])) as T
}
