// The recording as one page: readable without scripts, searchable with them, and with the recording itself inside.
import { hash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import path from 'node:path'
import type { RunCounts } from '../core/events.ts'
import { CHECKPOINT_FILE, CHECKPOINTS_FILE, EVENTS_FILE, KEYS_FILE } from './layout.ts'
import type { LineOpener } from './line-seal.ts'
import { pageBody, pageHead, pageTail } from './page-body.ts'
import { packed, pageNoteText, pagePart, pageSignature } from './page-parts.ts'
import { PageStory } from './page-story.ts'
import { PageTerminals } from './page-terminals.ts'
import type { CastOpener, PageTerminal } from './page-terminals.ts'
import { readEvents } from './read-events.ts'
import type { RecordingSource } from './recording-source.ts'
import { signNote } from './signed-note.ts'
import type { NoteSigner } from './signed-note.ts'
import { textOf } from './stored-event.ts'

type PageSource = Pick<RecordingSource, 'read' | 'names' | 'sizeOf'>

/** A log above this is not put into its page; the page says so. */
const MAX_EMBEDDED_BYTES = 32 * 1024 * 1024

/** What whoever sealed the run knows of it without reading it again. */
export interface RunEnding {
  readonly counts: RunCounts
  readonly at: string
  readonly reason: string
}

/** How sealed parts are opened: the page then shows them, and is for the auditors as they are. */
export interface PageOpeners {
  /** null = lines are not sealed. */
  readonly line: LineOpener | null
  readonly cast: CastOpener
}

/** Of a recording that is not sealed. */
const plainOpeners: PageOpeners = { line: null, cast: (_, stored) => stored }

/**
 * The page of a recording, as UTF-8.
 * @param signer signs the page as a whole; null where the key is gone, as for a page that is made from a recording later.
 * @param ending null = read the whole log for it, however long it is.
 */
export async function renderPage(
  source: PageSource,
  signer: NoteSigner | null,
  ending: RunEnding | null,
  open: PageOpeners = plainOpeners,
): Promise<Buffer> {
  const isWhole = source.sizeOf(EVENTS_FILE) <= MAX_EMBEDDED_BYTES
  const story = await storyOf(source, ending === null ? Number.POSITIVE_INFINITY : MAX_EMBEDDED_BYTES, open.line)
  const names = [EVENTS_FILE, CHECKPOINT_FILE, CHECKPOINTS_FILE, KEYS_FILE].filter(name => isWhole && source.names.includes(name))
  const parts: string[] = []
  for (const name of names) parts.push(pagePart(name, await packed(source.read(name))))
  const terminals = await terminalsOf(story, source, open.cast)
  for (const { part } of terminals.values()) parts.push(part)
  const facts = { story, terminals, ending: ending ?? endingOf(story), isWhole, isOpened: open.line !== null }
  const page = Buffer.from(`${pageHead(story, signer !== null)}${pageBody(facts)}${parts.join('')}${pageTail()}`, 'utf8')
  if (signer === null) return page
  return Buffer.concat([page, Buffer.from(pageSignature(signNote(pageNoteText(hash('sha256', page, 'hex')), signer)), 'utf8')])
}

async function terminalsOf(story: PageStory, source: PageSource, open: CastOpener): Promise<ReadonlyMap<string, PageTerminal>> {
  const reader = new PageTerminals(source, open)
  const terminals = new Map<string, PageTerminal>()
  for (const name of story.entries.flatMap(entry => entry.terminals)) if (!terminals.has(name)) terminals.set(name, await reader.read(name))
  return terminals
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
