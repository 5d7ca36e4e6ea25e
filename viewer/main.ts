// What a page does when scripts run: search, filters, keys, and the check of the recording inside it. Reads the page, never the network.
import { CommandList } from './command-list.ts'
import { selfCheck, unpack } from './self-check.ts'

const list = new CommandList([...document.querySelectorAll<HTMLElement>('#commands li')])
const search = field('search')
const outcome = field('outcome')
const session = field('session')
const count = element('count')

for (const input of [search, outcome, session]) input.addEventListener('input', show)
document.addEventListener('keydown', onKey)
element('tools').hidden = false
show()
void check()

function show(): void {
  const shown = list.apply({ text: search.value, outcome: outcome.value, session: session.value })
  count.textContent = shown === list.size ? `${list.size} commands` : `${shown} of ${list.size} commands`
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === 'Escape') {
    search.value = outcome.value = session.value = ''
    search.blur()
    show()
    return
  }
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return
  const outcomes = ['', 'allow', 'ask', 'deny']
  if (event.key === '/') search.focus()
  else if (event.key === 'j') list.move(1)
  else if (event.key === 'k') list.move(-1)
  else if (/^[1-4]$/.test(event.key)) {
    outcome.value = outcomes[Number(event.key) - 1] ?? ''
    show()
  } else return
  event.preventDefault()
}

async function check(): Promise<void> {
  const badge = element('badge')
  const events = document.getElementById('file:events.jsonl')?.textContent
  const checkpoint = document.getElementById('file:checkpoint')?.textContent
  if (events == null || checkpoint == null) return
  badge.textContent = 'Checking…'
  try {
    const said = { key: badge.dataset['key'] ?? '', isClosed: badge.dataset['closed'] !== undefined }
    const result = await selfCheck(await unpack(events), new TextDecoder().decode(await unpack(checkpoint)), said)
    badge.textContent = result.words
    badge.dataset['verdict'] = result.verdict
    compareKey(result.key)
  } catch {
    badge.textContent = 'TAMPERED: the recording inside this page cannot be read.'
    badge.dataset['verdict'] = 'tampered'
  }
}

/** The one thing a page cannot forge is a key that the reader has from elsewhere. */
function compareKey(key: string): void {
  const expected = field('expected-key')
  const answer = element('key-answer')
  expected.addEventListener('input', () => {
    const given = expected.value.trim()
    answer.textContent = given === '' ? '' : given === key ? 'The same key.' : 'ANOTHER key: this is not the recording of that run.'
  })
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

function field(id: string): HTMLInputElement | HTMLSelectElement {
  const found = element(id)
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) return found
  throw new Error(`${id} is not a field`)
}
