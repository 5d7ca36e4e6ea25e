// Who answers the approval request of the demo: a person at the keyboard or in the page, or, where nobody is asked, the demo itself.
import { createInterface } from 'node:readline'
import type { Shop } from '../github/shop.ts'
import { say } from './screen.ts'

/** The code of the request that waits in the pull request. @param seen comments that were there before. */
export async function waitForRequest(shop: Shop, seen: ReadonlySet<number> = new Set()): Promise<string> {
  for (;;) {
    const news = shop.pull.comments.filter(({ id }) => !seen.has(id))
    const body = news.map(comment => comment.body).find(text => /\/sallyport approve [0-9A-Z]{4}-[0-9A-Z]{4}/.test(text))
    const code = /\/sallyport approve ([0-9A-Z]{4}-[0-9A-Z]{4})/.exec(body ?? '')?.[1]
    if (code !== undefined) return code
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Without a person: kim, who may not, then dana, who may. */
export async function answerAlone(shop: Shop, code: string): Promise<void> {
  say('  kim, who is no approver, comments:  /sallyport approve …')
  shop.say(shop.people.kim, `/sallyport approve ${code}`)
  await refusalOf(shop)
  say('  dana, who is one, comments:         /sallyport approve …')
  shop.say(shop.people.dana, `/sallyport approve ${code}`)
}

/** With a person: keys, and the page. */
export function answerByPerson(shop: Shop, code: string): () => void {
  say(`  open ${shop.github.page(shop.pull)}  or press:`)
  say('    k  kim, who is no approver, approves        a  dana approves        d  dana denies')
  const keys = createInterface({ input: process.stdin })
  keys.on('line', line => {
    if (line.trim() === 'k') shop.say(shop.people.kim, `/sallyport approve ${code}`)
    if (line.trim() === 'a') shop.say(shop.people.dana, `/sallyport approve ${code}`)
    if (line.trim() === 'd') shop.say(shop.people.dana, `/sallyport deny ${code} not today`)
  })
  return () => keys.close()
}

/** The gateway says in its comment whose answer does not count, and why. */
async function refusalOf(shop: Shop): Promise<void> {
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline) {
    const line = shop.pull.comments
      .flatMap(({ body }) => body.split('\n'))
      .find(text => text.includes('kim') && text.includes('does not count'))
    if (line !== undefined) {
      say(`  the request says: ${line.trim()}`)
      return
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
