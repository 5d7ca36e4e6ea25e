// `sallyport replay PATH`: shows a recording, as its clients saw it, as JSON, as a terminal recording, or as a page.
import { systemClock } from '../gateway/core/clock.ts'
import { SallyportError } from '../gateway/core/errors.ts'
import { visible, visibleJson } from '../gateway/core/visible-text.ts'
import { castHeader, castOutput } from '../gateway/record/cast.ts'
import { decryptAge } from '../gateway/record/age/age-file.ts'
import type { AgeIdentity } from '../gateway/record/age/age-keys.ts'
import { AGE_SUFFIX, EVENTS_FILE, KEYS_FILE } from '../gateway/record/layout.ts'
import { openKeys } from '../gateway/record/line-seal.ts'
import type { LineOpener } from '../gateway/record/line-seal.ts'
import { openRecording } from '../gateway/record/open-recording.ts'
import { renderPage } from '../gateway/record/page.ts'
import { readEvents } from '../gateway/record/read-events.ts'
import type { Unread } from '../gateway/record/read-events.ts'
import { readWhole } from '../gateway/record/recording-source.ts'
import type { RecordingSource } from '../gateway/record/recording-source.ts'
import { textOf } from '../gateway/record/stored-event.ts'
import type { StoredEvent } from '../gateway/record/stored-event.ts'
import { Transcript } from '../gateway/record/transcript.ts'
import { verifySource } from '../gateway/record/verify-recording.ts'
import { readIdentityFile } from './identity-file.ts'
import type { Io } from './io.ts'
import { progressOn } from './progress.ts'
import { RecordedTerminals } from './recorded-terminals.ts'
import { showTerminal } from './terminal-show.ts'

export const replayFormats = ['text', 'json', 'cast', 'html'] as const
export type ReplayFormat = (typeof replayFormats)[number]

export interface ReplayOptions {
  /** Only this session and the events of the run. */
  readonly session?: string
  readonly format?: string
  /** Key file of an auditor, for a recording that is encrypted. */
  readonly identity?: string
  /** Times as fast as it happened; without it text is shown at once, and a terminal plays in its own time. */
  readonly speed?: number
  /** Seconds that a pause takes at most while a terminal plays. */
  readonly idleLimit?: number
}

/** Above this, verifying first would keep people waiting. */
const MAX_VERIFIED_BYTES = 64 * 1024 * 1024
/** A pause is never longer than this, however long it was. */
const MAX_PAUSE_MS = 2000
const WRITE_CHARS = 64 * 1024
const MAX_KEYS_BYTES = 1024 * 1024

/** @returns 0, or 1 when the recording was tampered with. @throws {SallyportError} UNREADABLE, USAGE. */
export async function replay(file: string, options: ReplayOptions, io: Io): Promise<number> {
  const format = readFormat(options.format ?? 'text')
  if (options.speed !== undefined && !(options.speed > 0)) throw new SallyportError('USAGE', '--speed must be a number above 0')
  if (options.idleLimit !== undefined && !(options.idleLimit > 0))
    throw new SallyportError('USAGE', '--idle-limit must be a number above 0')
  const identities = options.identity === undefined ? null : readIdentityFile(options.identity)
  const source = await openRecording(file)
  try {
    const open = await openerOf(source, identities)
    const isHonest = await verifyFirst(file, source, identities, io)
    const unread: Unread = { sealed: 0, broken: 0 }
    const terminals = new RecordedTerminals(source, identities)
    const terminal = format === 'cast' ? terminals.choose(options.session, words => io.stderr(`sallyport: ${words}\n`)) : null
    if (terminal !== null) {
      const isWhole = await showTerminal(await terminals.read(terminal), options, io)
      if (!isWhole) io.stderr(`sallyport: the end of ${terminal} is missing: its gateway died\n`)
      return isHonest ? 0 : 1
    }
    const events = ofSession(readEvents(source, unread, open), options.session)
    switch (format) {
      case 'text':
        await showText(events, options.speed, terminals, io)
        break
      case 'json':
        await showJson(events, io)
        break
      case 'cast':
        await showCast(events, io)
        break
      case 'html':
        // A page carries the whole recording: part of one would not verify.
        if (options.session !== undefined)
          throw new SallyportError('USAGE', 'a page shows the whole run: --session does not go with --format html')
        io.stdout((await renderPage(source, null, null, { line: open, cast: castOpener(identities) })).toString('utf8'))
        break
    }
    if (unread.broken > 0) io.stderr(`sallyport: ${unread.broken} lines are not events and are left out\n`)
    if (unread.sealed > 0) io.stderr(`sallyport: ${unread.sealed} lines are encrypted to the auditors and are left out\n`)
    return isHonest ? 0 : 1
  } finally {
    await source.close()
  }
}

function readFormat(text: string): ReplayFormat {
  const format = replayFormats.find(name => name === text)
  if (format === undefined)
    throw new SallyportError('USAGE', `there is no replay format ${JSON.stringify(text)}`, { fix: `one of ${replayFormats.join(', ')}` })
  return format
}

/** @throws {SallyportError} UNREADABLE when only auditors can read the recording and none is here. */
async function openerOf(source: RecordingSource, identities: readonly AgeIdentity[] | null): Promise<LineOpener | null> {
  if (!source.names.includes(KEYS_FILE)) return null
  if (identities !== null) return openKeys(await readWhole(source, KEYS_FILE, MAX_KEYS_BYTES), identities)
  throw new SallyportError('UNREADABLE', 'this recording is encrypted to its auditors', {
    why: 'the key to its lines is in keys.age, which only their age keys open',
    fix: 'pass --identity FILE with the key file of an auditor; `sallyport verify` needs none',
  })
}

/** A terminal's file, sealed or not. */
function castOpener(identities: readonly AgeIdentity[] | null): (name: string, stored: Buffer) => Buffer | null {
  return (name, stored) => {
    if (!name.endsWith(AGE_SUFFIX)) return stored
    return identities === null ? null : decryptAge(stored, identities)
  }
}

/** A replay of something that was changed must not look like one of something that happened. */
async function verifyFirst(file: string, source: RecordingSource, identities: readonly AgeIdentity[] | null, io: Io): Promise<boolean> {
  if (source.names.includes(EVENTS_FILE) && source.sizeOf(EVENTS_FILE) > MAX_VERIFIED_BYTES) {
    io.stderr('sallyport: not verified, it is large: `sallyport verify` does that\n')
    return true
  }
  const progress = progressOn(io, 'verifying')
  const options = identities === null ? {} : { identities }
  const report = await verifySource(file, source, { ...options, onProgress: progress.show }).finally(progress.end)
  if (report.verdict === 'intact') return true
  io.stderr(`sallyport: ${visible(`${report.words}: ${report.wrong.join('; ')}`).replaceAll('\n', '↵')}\n`)
  return report.verdict !== 'tampered'
}

async function* ofSession(events: AsyncIterable<StoredEvent>, session: string | undefined): AsyncGenerator<StoredEvent> {
  let isFound = false
  for await (const event of events) {
    if (session !== undefined && event.session !== null && event.session !== session) continue
    isFound ||= event.session === session
    yield event
  }
  if (session !== undefined && !isFound) throw new SallyportError('USAGE', `the recording has no session ${JSON.stringify(session)}`)
}

async function showText(
  events: AsyncIterable<StoredEvent>,
  speed: number | undefined,
  terminals: RecordedTerminals,
  io: Io,
): Promise<void> {
  const transcript = new Transcript()
  const forever = new AbortController().signal
  let shown = ''
  let before: number | null = null
  for await (const event of events) {
    if (speed !== undefined) {
      const pauseMs = before === null ? 0 : Math.min(MAX_PAUSE_MS, (event.ms - before) / speed)
      if (pauseMs >= 1) await systemClock.sleep(pauseMs, forever)
      before = event.ms
    }
    shown += transcript.tell(event)
    if (event.kind === 'file' && event['operation'] === 'terminal-open') shown += await terminals.text(textOf(event['path']))
    if (speed === undefined && shown.length < WRITE_CHARS) continue
    io.stdout(shown)
    shown = ''
  }
  io.stdout(shown)
}

/** One object; one event a line, so that lines can be counted and cut as well. */
async function showJson(events: AsyncIterable<StoredEvent>, io: Io): Promise<void> {
  let shown = '{"schema":"sallyport/replay/v1","events":['
  let separator = '\n'
  for await (const event of events) {
    shown += separator + visibleJson(JSON.stringify(event))
    separator = ',\n'
    if (shown.length < WRITE_CHARS) continue
    io.stdout(shown)
    shown = ''
  }
  io.stdout(`${shown}\n]}\n`)
}

async function showCast(events: AsyncIterable<StoredEvent>, io: Io): Promise<void> {
  const transcript = new Transcript()
  let start: number | null = null
  for await (const event of events) {
    if (start === null) {
      start = event.ms
      io.stdout(
        castHeader({ width: 120, height: 40, timestamp: Math.floor(Date.parse(event.at) / 1000) || 0, title: 'Sallyport recording' }),
      )
    }
    const text = transcript.tell(event)
    if (text !== '') io.stdout(castOutput(event.ms - start, text))
  }
}
