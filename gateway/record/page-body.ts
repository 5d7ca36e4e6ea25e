// What a replay page shows: the run, its timeline, its commands. Nothing is fetched and nothing can be: the page's policy allows its own
// script and style by their hashes, and no more.
import { hash } from 'node:crypto'
import { html } from './html.ts'
import type { RunEnding } from './page.ts'
import { pageStart } from './page-parts.ts'
import { MASKED_TITLE } from './page-story.ts'
import type { PageEntry, PageStory } from './page-story.ts'
import type { PageTerminal } from './page-terminals.ts'
import { isMembers, listOf, textOf } from './stored-event.ts'
import { timeline } from './timeline.ts'
import { viewerScript, viewerStyle } from './viewer-assets.ts'

/** Commands that stand in the page as it opens; with scripts the others are built when they are looked at, without them they follow. */
const LIST_LENGTH = 200

const outcomeWords: Readonly<Record<string, string>> = { allow: '✓ allowed', ask: '? asked', deny: '✗ denied', '': 'not decided' }

export interface PageFacts {
  readonly story: PageStory
  readonly terminals: ReadonlyMap<string, PageTerminal>
  readonly ending: RunEnding | null
  /** The page carries the log. */
  readonly isWhole: boolean
  /** The log is sealed, and was opened for this page. */
  readonly isOpened: boolean
}

export function pageHead(story: PageStory, isSigned: boolean): string {
  const style = text(viewerStyle)
  const policy = `default-src 'none'; script-src '${digest(text(viewerScript))}'; style-src '${digest(style)}'; base-uri 'none'; form-action 'none'`
  return `${pageStart(isSigned)}<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Sallyport recording ${html(runName(story))}</title>
<style>${style}</style>
</head>
`
}

export function pageTail(): string {
  return `<script>${text(viewerScript)}</script>\n</body>\n</html>\n`
}

export function pageBody({ story, terminals, ending, isWhole, isOpened }: PageFacts): string {
  const counts = ending?.counts ?? story.tally.counts()
  const left = counts.commands - story.entries.length
  const tallies: readonly (readonly [string, number, string])[] = [
    ['allow', counts.allowed, 'allowed'],
    ['deny', counts.denied, 'denied'],
    ['ask', counts.asked, `asked, ${counts.approved} approved`],
    ['', counts.masked, 'values masked'],
    ['', counts.errors, counts.errors === 1 ? 'error' : 'errors'],
    ['', counts.sessions, counts.sessions === 1 ? 'session' : 'sessions'],
  ]
  return `<body>
<header>
<div>
<h1>Sallyport recording${runName(story) === '' ? '' : ` <span>${html(runName(story))}</span>`}</h1>
<p id="badge" role="status"${isOpened ? sealedFacts(story, ending !== null) : ''}>Not checked: scripts are off. Run <code>sallyport verify</code> on this file.</p>
</div>
</header>
<main>
<section id="run" aria-label="The run">
<dl>${factsOf(story, ending)
    .map(([name, value, isCode = false]) =>
      value === '' ? '' : `<div><dt>${name}</dt><dd${isCode ? ' class="code"' : ''}>${html(value)}</dd></div>`,
    )
    .join('')}</dl>
<ul id="counts">${tallies.map(([outcome, count, word]) => `<li data-outcome="${outcome}"><b>${count}</b> ${word}</li>`).join('')}</ul>
${timeline(story.entries, story.lastMs)}
<p id="scale"><span>${html((story.opening?.at ?? '').slice(11, 19))}</span><span>${lasted(story.lastMs)} later</span></p>
</section>
<div id="tools" role="search" aria-label="Commands" hidden>
<label class="wide"><span>Search <kbd>/</kbd></span><input id="search" type="search" autocomplete="off" spellcheck="false"></label>
<label><span>Decision <kbd>1</kbd>–<kbd>4</kbd></span><select id="outcome"><option value="">all</option><option value="allow">allowed</option><option value="ask">asked</option><option value="deny">denied</option></select></label>
${choice('connection', 'Connection', distinct(story.entries, 'connection'))}
${choice('rule', 'Rule', distinct(story.entries, 'rule'))}
<label><span>Session</span><select id="session"><option value="">all</option>${[...story.sessions].map(([id, what]) => option(id, `${id} ${what}`)).join('')}</select></label>
<p id="count" aria-live="polite"></p>
<button id="help" type="button" aria-haspopup="dialog">Keys <kbd>?</kbd></button>
</div>
<h2>Commands</h2>
<div id="commands">
${lists(story, terminals)}</div>
${left > 0 ? `<p>${left} more commands are in the log: this page shows the first.</p>` : ''}
${story.others.length > 0 ? `<h2>Other errors</h2>${story.others.join('')}` : ''}
</main>
<footer>
<h2>Is this the recording of that run?</h2>
<p>The check above was made by this page itself: whoever forges the page forges the check. Compare the key with the one that was printed when the run started, or run <code>sallyport verify --key</code>.${isWhole ? '' : ' The log is too large to be inside this page.'}</p>
<p><label>The key as it was printed <input id="expected-key" autocomplete="off" spellcheck="false"></label> <b id="key-answer" role="status"></b></p>
</footer>
`
}

function factsOf({ opening }: PageStory, ending: RunEnding | null): readonly (readonly [name: string, value: string, isCode?: boolean])[] {
  const connections = listOf(opening?.['connections'])
    .filter(isMembers)
    .map(each => `${textOf(each['name'])} (${textOf(each['protocol'])}, ${textOf(each['address'])})`)
  return [
    ['Identity', named(opening?.['identity'], 'subject')],
    ['Targets', connections.join(', ')],
    ['Policy', `${named(opening?.['policy'], 'source')} ${named(opening?.['policy'], 'digest')}`.trim(), true],
    ['Opened', opening?.at ?? ''],
    ['Closed', ending === null ? 'never: the recording is INCOMPLETE' : `${ending.at}, ${ending.reason}`],
    ['Sealed by', textOf(opening?.['key']), true],
  ]
}

function lasted(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}

/** Repository and pull request. */
function runName({ opening }: PageStory): string {
  const run = opening?.['run']
  const pull = isMembers(run) ? run['pullRequest'] : null
  return `${named(run, 'repository')}${typeof pull === 'number' ? ` #${pull}` : ''}`
}

/** What the page's own check reads from the first and last line, where those are sealed. */
function sealedFacts(story: PageStory, isClosed: boolean): string {
  return ` data-key="${html(textOf(story.opening?.['key']))}"${isClosed ? ' data-closed' : ''}`
}

function distinct(entries: readonly PageEntry[], member: 'connection' | 'rule'): readonly string[] {
  return [...new Set(entries.map(entry => entry[member]))].filter(value => value !== '').toSorted()
}

function choice(id: string, name: string, values: readonly string[]): string {
  return `<label><span>${name}</span><select id="${id}"><option value="">all</option>${values.map(value => option(value, value)).join('')}</select></label>`
}

function option(value: string, words: string): string {
  return `<option value="${html(value)}">${html(words)}</option>`
}

/** The first commands as they are; the others where scripts find them as text, and readers without scripts as a list. */
function lists({ entries, sqlConnections }: PageStory, terminals: ReadonlyMap<string, PageTerminal>): string {
  const parts: string[] = []
  for (let start = 0; start < entries.length; start += LIST_LENGTH) {
    const items = entries.slice(start, start + LIST_LENGTH).map(entry => listed(entry, terminals, sqlConnections.has(entry.connection)))
    const list = `<ol>\n${items.join('')}</ol>\n`
    parts.push(start === 0 ? list : `<noscript>${list}</noscript>\n`)
  }
  return parts.join('')
}

/** One item; a line feed and `<li ` stand between two of them and nowhere inside one. */
function listed(entry: PageEntry, terminals: ReadonlyMap<string, PageTerminal>, isSql: boolean): string {
  const time = entry.at.slice(11, 23)
  const verdict = entry.verdict === '' ? '' : `, ${entry.verdict}`
  const shown = entry.terminals.map(name => terminals.get(name)?.html ?? '').join('')
  return `<li id="c${entry.number}" tabindex="-1" data-outcome="${entry.outcome}" data-session="${html(entry.session)}" data-connection="${html(entry.connection)}" data-rule="${html(entry.rule)}"><p class="head"><a href="#c${entry.number}">${entry.number}</a><b class="outcome">${outcomeWords[entry.outcome] ?? ''}${html(verdict)}</b><time datetime="${html(entry.at)}">${html(time)}</time><span>${html(entry.connection)}</span><span>${html(entry.rule === '' ? '' : `rule ${entry.rule}`)}</span></p><pre><code${isSql ? ' class="sql"' : ''}>${html(entry.text)}</code></pre>${answered(entry)}${shown}</li>
`
}

/** What came after the command; each masked cell says by which rules. */
function answered({ more, maskRules }: PageEntry): string {
  if (maskRules.size === 0) return more
  const rules = [...maskRules].join(', ')
  const title = ` title="masked: ${maskRules.size === 1 ? 'rule' : 'rules'} ${html(rules)}"`
  return more.replaceAll(MASKED_TITLE, () => title)
}

function text(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8')
}

function digest(of: string): string {
  return `sha256-${hash('sha256', of, 'base64')}`
}

function named(value: unknown, name: string): string {
  return isMembers(value) ? textOf(value[name]) : ''
}
