// What a page does when scripts run: search, filters, keys, terminals, and the check of the recording inside it.
// Reads the page, never the network.
import { CommandList } from './command-list.ts'
import { byId, fieldById } from './elements.ts'
import { KeyHelp } from './key-help.ts'
import { selfCheck, unpack } from './self-check.ts'
import { colourSql } from './sql-colours.ts'
import { offerPlayers, openPlayer } from './terminals.ts'

const list = new CommandList(byId('commands'), page => {
  offerPlayers(page)
  colourSql(page)
})
const help = new KeyHelp()
const search = fieldById('search')
const outcome = fieldById('outcome')
const filters = { connection: fieldById('connection'), rule: fieldById('rule'), session: fieldById('session') }
const count = byId('count')

for (const field of [search, outcome, ...Object.values(filters)]) field.addEventListener('input', show)
document.addEventListener('keydown', onKey)
window.addEventListener('hashchange', follow)
byId('help').addEventListener('click', () => help.show())
byId('tools').hidden = false
for (const field of Object.values(filters)) if (field instanceof HTMLSelectElement && field.length < 3) field.parentElement?.remove()
show()
follow()
void check()

function show(): void {
  const shown = list.apply({
    text: search.value,
    outcome: outcome.value,
    connection: filters.connection.value,
    rule: filters.rule.value,
    session: filters.session.value,
  })
  const what = list.size === 1 ? '1 command' : `${list.size} commands`
  count.textContent = shown === list.size ? what : `${shown} of ${what}`
}

function showAll(): void {
  for (const field of [search, outcome, ...Object.values(filters)]) field.value = ''
  show()
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || help.isOpen) return
  if (event.key === 'Escape') {
    search.blur()
    showAll()
    return
  }
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return
  const outcomes = ['', 'allow', 'ask', 'deny']
  if (event.key === '/') search.focus()
  else if (event.key === '?') help.show()
  else if (event.key === 'j') list.move(1)
  else if (event.key === 'k') list.move(-1)
  else if (event.key === 'Enter' && event.target instanceof HTMLLIElement) playIn(event.target, null)
  else if (/^[1-4]$/.test(event.key)) {
    outcome.value = outcomes[Number(event.key) - 1] ?? ''
    show()
  } else return
  event.preventDefault()
}

function playIn(item: HTMLElement, seconds: number | null): void {
  const terminal = item.querySelector<HTMLElement>('.terminal')
  if (terminal !== null) void openPlayer(terminal, seconds)
}

/** `#c13`, or `#c13&t=12.4`: a command, and a moment in its terminal. */
function follow(): void {
  const [, id, seconds] = /^#(c\d+)(?:&t=(\d+(?:\.\d+)?))?$/.exec(location.hash) ?? []
  if (id === undefined) return
  let item = list.goTo(id)
  if (item === null) {
    showAll()
    item = list.goTo(id)
  }
  if (item !== null && seconds !== undefined) playIn(item, Number(seconds))
}

async function check(): Promise<void> {
  const badge = byId('badge')
  const events = document.getElementById('file:events.jsonl')?.textContent
  const checkpoint = document.getElementById('file:checkpoint')?.textContent
  if (events == null || checkpoint == null) {
    badge.textContent = 'Not checked: the log is not inside this page. Run sallyport verify on the recording.'
    return
  }
  badge.textContent = 'Checking…'
  // What the page shows comes first.
  await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))
  try {
    const said = { key: badge.dataset['key'] ?? '', isClosed: badge.dataset['closed'] !== undefined }
    const casts = [...document.querySelectorAll('script[id^="file:sessions/"]')]
    const result = await selfCheck(await unpack(events), new TextDecoder().decode(await unpack(checkpoint)), said, {
      names: casts.map(({ id }) => id.slice('file:'.length)),
      read: name => unpack(document.getElementById(`file:${name}`)?.textContent ?? ''),
    })
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
  const expected = fieldById('expected-key')
  const answer = byId('key-answer')
  expected.addEventListener('input', () => {
    const given = expected.value.trim()
    answer.textContent = given === '' ? '' : given === key ? 'The same key.' : 'ANOTHER key: this is not the recording of that run.'
  })
}
