// A recording's page in a browser, with all that it asked for and complained of.
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

/** How long anything may take to appear: long for a machine that does much else. */
const WITHIN_MS = 60_000

export interface OpenedPage {
  readonly page: Page
  readonly requests: readonly string[]
  /** Errors, and everything on the console: a policy that is broken is reported there. */
  readonly complaints: readonly string[]
}

/** Opens a file from disk in a context of its own. */
export async function openPage(browser: Browser, at: string, options: BrowserContextOptions = {}, hash = ''): Promise<OpenedPage> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(WITHIN_MS)
  const page = await context.newPage()
  const requests: string[] = []
  const complaints: string[] = []
  page.on('request', request => requests.push(request.url()))
  page.on('console', message => complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(error.message))
  await page.goto(pathToFileURL(at).href + hash)
  return { page, requests, complaints }
}

/** What axe-core has against it, once its script is in the page: rules with the pieces that break them. */
export async function violations(page: Page): Promise<unknown[]> {
  const { violations: found } = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] }
  return found.map(({ id, nodes }) => [id, nodes.map(node => node.html)])
}
