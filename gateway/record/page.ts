// The recording as one page: readable without scripts, searchable with them, and with the recording itself inside.
// Nothing is fetched and nothing can be: the page's policy allows its own script and style by their hashes, and no more.
import { hash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createGzip } from 'node:zlib'
import type { RunCounts } from '../core/events.ts'
import { html } from './html.ts'
import { CHECKPOINT_FILE, CHECKPOINTS_FILE, EVENTS_FILE, KEYS_FILE } from './layout.ts'
import type { LineOpener } from './line-seal.ts'
import { pageNoteText, pagePart, pageSignature, pageStart } from './page-parts.ts'
import { PageStory } from './page-story.ts'
import type { PageEntry } from './page-story.ts'
import { readEvents } from './read-events.ts'
import type { RecordingSource } from './recording-source.ts'
import { signNote } from './signed-note.ts'
import type { NoteSigner } from './signed-note.ts'
import { isMembers, textOf } from './stored-event.ts'
import { timeline } from './timeline.ts'
import { viewerScript, viewerStyle } from './viewer-assets.ts'

type PageSource = Pick<RecordingSource, 'read' | 'names' | 'sizeOf'>

/** A log above this is not put into its page; the page says so. */
const MAX_EMBEDDED_BYTES = 32 * 1024 * 1024

const LIST_LENGTH = 200

const outcomeWords: Readonly<Record<string, string>> = { allow: '✓ allowed', ask: '? asked', deny: '✗ denied', '': 'not decided' }

/** What whoever sealed the run knows of it without reading it again. */
export interface RunEnding {
  readonly counts: RunCounts
  readonly at: string
  readonly reason: string
}

/**
 * The page of a recording, as UTF-8.
 * @param signer signs the page as a whole; null where the key is gone, as for a page that is made from a recording later.
 * @param ending null = read the whole log for it, however long it is.
 * @param open opens sealed lines: the page then shows them, and is for the auditors as they are.
 */
export async function renderPage(
  source: PageSource,
  signer: NoteSigner | null,
  ending: RunEnding | null,
  open: LineOpener | null = null,
): Promise<Buffer> {
  const isWhole = source.sizeOf(EVENTS_FILE) <= MAX_EMBEDDED_BYTES
  const story = await storyOf(source, ending === null ? Number.POSITIVE_INFINITY : MAX_EMBEDDED_BYTES, open)
  const names = [EVENTS_FILE, CHECKPOINT_FILE, CHECKPOINTS_FILE, KEYS_FILE].filter(name => isWhole && source.names.includes(name))
  const parts: string[] = []
  for (const name of names) parts.push(pagePart(name, await packed(source.read(name))))
  const page = Buffer.from(
    `${head(story, signer !== null)}${body(story, ending ?? endingOf(story), isWhole, open !== null)}${parts.join('')}${script()}`,
    'utf8',
  )
  if (signer === null) return page
  return Buffer.concat([page, Buffer.from(pageSignature(signNote(pageNoteText(hash('sha256', page, 'hex')), signer)), 'utf8')])
}

async function storyOf(source: PageSource, maxBytes: number, open: LineOpener | null): Promise<PageStory> {
  const story = new PageStory()
  const read = (name: string): AsyncIterable<Buffer> => upTo(source.read(name), maxBytes)
  for await (const event of readEvents({ read }, { sealed: 0, broken: 0 }, open)) story.add(event)
  return story
}

async function* upTo(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of chunks) {
    yield chunk
    bytes += chunk.length
    if (bytes >= maxBytes) return
  }
}

function endingOf({ closing, tally }: PageStory): RunEnding | null {
  return closing === null ? null : { counts: tally.counts(), at: closing.at, reason: textOf(closing['reason']) }
}

/** The files of a recording that is still being sealed. */
export function sourceIn(dir: string, names: readonly string[]): PageSource {
  return { names, sizeOf: name => statSync(path.join(dir, name)).size, read: name => createReadStream(path.join(dir, name)) }
}

async function packed(bytes: AsyncIterable<Buffer>): Promise<string> {
  const gzip = createGzip()
  const whole = buffer(gzip)
  for await (const chunk of bytes) gzip.write(chunk)
  gzip.end()
  return (await whole).toString('base64')
}

function head(story: PageStory, isSigned: boolean): string {
  const style = text(viewerStyle)
  const policy = `default-src 'none'; script-src '${digest(text(viewerScript))}'; style-src '${digest(style)}'; base-uri 'none'; form-action 'none'`
  return `${pageStart(isSigned)}<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<title>Sallyport recording ${html(named(story.opening?.['run'], 'repository'))}</title>
<style>${style}</style>
</head>
`
}

function body(story: PageStory, ending: RunEnding | null, isWhole: boolean, isOpened: boolean): string {
  const counts = ending?.counts ?? story.tally.counts()
  const { commands } = counts
  const left = commands - story.entries.length
  const run = story.opening?.['run']
  const facts: readonly (readonly [string, string])[] = [
    ['Repository', named(run, 'repository')],
    ['Pull request', memberText(run, 'pullRequest')],
    ['Identity', named(story.opening?.['identity'], 'subject')],
    ['Policy', `${named(story.opening?.['policy'], 'digest')} ${named(story.opening?.['policy'], 'source')}`.trim()],
    ['Opened', story.opening?.at ?? ''],
    ['Closed', ending === null ? 'never: the recording is INCOMPLETE' : `${ending.at}, ${ending.reason}`],
    ['Sealed by', textOf(story.opening?.['key'])],
  ]
  return `<body>
<header>
<h1>Sallyport recording</h1>
<p id="badge" role="status"${isOpened ? sealedFacts(story, ending !== null) : ''}>Not checked: scripts are off. Run <code>sallyport verify</code> on this file.</p>
<dl>${facts.map(([name, value]) => (value === '' ? '' : `<dt>${name}</dt><dd>${html(value)}</dd>`)).join('')}</dl>
<p>${counts.allowed} allowed, ${counts.denied} denied, ${counts.asked} asked, ${counts.approved} approved, ${counts.masked} values masked, ${counts.errors} errors in ${counts.sessions} sessions.</p>
${timeline(story.entries, story.lastMs)}
</header>
<main>
<div id="tools" role="search" aria-label="Commands" hidden>
<label><span>Search <kbd>/</kbd></span><input id="search" type="search" autocomplete="off" spellcheck="false"></label>
<label><span>Decision <kbd>1</kbd>–<kbd>4</kbd></span><select id="outcome"><option value="">all</option><option value="allow">allowed</option><option value="ask">asked</option><option value="deny">denied</option></select></label>
<label><span>Session</span><select id="session"><option value="">all</option>${[...story.sessions].map(([id, what]) => `<option value="${html(id)}">${html(`${id} ${what}`)}</option>`).join('')}</select></label>
<p id="count" aria-live="polite"></p>
</div>
<h2>Commands</h2>
<div id="commands">
${lists(story.entries)}</div>
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

/** What the page's own check reads from the first and last line, where those are sealed. */
function sealedFacts(story: PageStory, isClosed: boolean): string {
  return ` data-key="${html(textOf(story.opening?.['key']))}"${isClosed ? ' data-closed' : ''}`
}

/** Lists of some hundred commands each: a browser lays out only those that are looked at. */
function lists(entries: readonly PageEntry[]): string {
  const parts: string[] = []
  for (let start = 0; start < entries.length; start += LIST_LENGTH)
    parts.push(
      `<ol>\n${entries
        .slice(start, start + LIST_LENGTH)
        .map(listed)
        .join('')}</ol>\n`,
    )
  return parts.join('')
}

function listed(entry: PageEntry): string {
  const time = entry.at.slice(11, 23)
  return `<li id="c${entry.number}" tabindex="0" data-outcome="${entry.outcome}" data-session="${html(entry.session)}"><p class="head"><a href="#c${entry.number}" tabindex="-1">${entry.number}</a><b>${outcomeWords[entry.outcome] ?? ''}</b><time datetime="${html(entry.at)}">${html(time)}</time><span>${html(entry.connection)}</span><span>${html(entry.rule === '' ? '' : `rule ${entry.rule}`)}</span></p><pre><code>${html(entry.text)}</code></pre>${entry.more}</li>
`
}

function script(): string {
  return `<script>${text(viewerScript)}</script>\n</body>\n</html>\n`
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

function memberText(value: unknown, name: string): string {
  const member = isMembers(value) ? value[name] : null
  return typeof member === 'number' ? String(member) : textOf(member)
}
