// What a run was, as Markdown for GitHub's step summary. Hostile text stands in fences only; everything else is our own words.
import { fence, visible } from '../core/visible-text.ts'
import { readEvents } from './read-events.ts'
import type { RecordingSource } from './recording-source.ts'
import { RunStory } from './run-story.ts'
import type { StoryAnswer, StoryCommand } from './run-story.ts'

export interface SummaryOptions {
  /** Page of the uploaded recording; null when it was not uploaded. */
  readonly artifactUrl: string | null
  /** Page of `replay.html`; null when there is none. */
  readonly replayUrl?: string | null
  /** Page of the attestation; null when there is none. */
  readonly attestationUrl?: string | null
  /** Verifier key of the recording. */
  readonly key: string
  /** True when only auditors may read what was run: then the summary holds counts and answers, no command. */
  readonly isEncrypted?: boolean
  /** What was warned of at the start; what sessions found as well is told once. */
  readonly warnings?: readonly string[]
}

/** GitHub drops a summary above 1 MiB whole; at three bytes a character ours stays below 200 kB. */
const MAX_SUMMARY_CHARS = 60_000
const MAX_COMMAND_CHARS = 2000
const MAX_IDENTITY_CHARS = 4000
const MAX_WARNINGS_CHARS = 8000

/** Reads the recording once and tells it. At most 200 kB of UTF-8, whatever the run did. */
export async function summarize(source: Pick<RecordingSource, 'read'>, options: SummaryOptions): Promise<string> {
  const story = new RunStory()
  for await (const event of readEvents(source, { sealed: 0, broken: 0 })) story.add(event)
  return summarizeStory(story, options)
}

/** The same for a story that was followed as the run went on: nothing is read, and nothing need be readable. */
export function summarizeStory(story: RunStory, options: SummaryOptions): string {
  const parts = [headline(story), table(story), links(options), ...warning(story), ...weaknesses(story, options.warnings ?? [])]
  const last = identity(story, options.key)
  const room = (): number => MAX_SUMMARY_CHARS - last.length - parts.reduce((chars, part) => chars + part.length + 2, 2)
  // Each list may take a third of the room at most, so that none crowds out the others.
  const isEncrypted = options.isEncrypted === true
  if (isEncrypted) parts.push('What was run is encrypted to the auditors: `sallyport replay --identity` shows it.')
  else parts.push(...section('Blocked', story.blocked.map(told), story.counts.denied, room() / 3))
  parts.push(...section('Answers', story.answers.map(answered), story.answerCount, room() / 2))
  if (!isEncrypted) parts.push(...section('Commands', story.commands.map(told), story.counts.commands, room()))
  return `${[...parts, last].join('\n\n')}\n`
}

function headline({ counts, isClosed }: RunStory): string {
  const said = [
    counts.approved > 0 ? `${counts.approved} approved` : '',
    counts.denied > 0 ? `${counts.denied} blocked` : '',
    `${counts.allowed} allowed`,
    isClosed ? '' : 'INCOMPLETE',
  ]
  return `### Sallyport: ${said.filter(word => word !== '').join(', ')}`
}

function table({ counts, answers }: RunStory): string {
  const unanswered = answers.filter(({ outcome }) => outcome !== 'approved' && outcome !== 'refused').length
  const rows = [
    '| Decision | Count |',
    '|---|--:|',
    `| allowed | ${counts.allowed} |`,
    `| blocked by a rule | ${counts.denied} |`,
    `| asked | ${counts.asked} |`,
    `| approved | ${counts.approved} |`,
    `| rejected, expired or superseded | ${unanswered} |`,
    `| values masked | ${counts.masked} |`,
    `| sessions | ${counts.sessions} |`,
    `| errors | ${counts.errors} |`,
  ]
  return rows.join('\n')
}

function links({ artifactUrl, replayUrl, attestationUrl, key }: SummaryOptions): string {
  const pages = [
    replayUrl === null || replayUrl === undefined ? '' : `[Open the replay](${safeUrl(replayUrl)})`,
    artifactUrl === null ? 'The recording was not uploaded' : `[Recording](${safeUrl(artifactUrl)})`,
    attestationUrl === null || attestationUrl === undefined ? '' : `[Attestation](${safeUrl(attestationUrl)})`,
  ]
  return `**${pages.filter(page => page !== '').join('** · **')}**\n\nVerify it with the key that was printed when the run started:\n\n${fence(`sallyport verify recording.zip --key '${visible(key)}'`, 'console')}`
}

function warning({ counts }: RunStory): readonly string[] {
  if (counts.denied === 0) return []
  const what = counts.denied === 1 ? '1 command was blocked. It' : `${counts.denied} commands were blocked. They`
  return [`> [!WARNING]\n> ${what} did not reach the target.`]
}

/** Names in them come from the target, so they stand in a fence. */
function weaknesses(story: RunStory, atStart: readonly string[]): readonly string[] {
  const later = story.warnings.filter(found => !atStart.some(told => told.endsWith(found)))
  const all = [...atStart, ...later]
  if (all.length === 0) return []
  const text = all.join('\n')
  const shown = text.length > MAX_WARNINGS_CHARS ? `${text.slice(0, MAX_WARNINGS_CHARS)}…` : text
  return [`> [!WARNING]\n> Masks are weaker than they could be. What was found, and what closes it:\n\n${fence(visible(shown), 'text')}`]
}

/** As many entries as there is room for, each whole, and how many more there are. */
function section(title: string, entries: readonly string[], count: number, maxChars: number): readonly string[] {
  if (count === 0) return []
  const shown: string[] = []
  let chars = 200
  for (const entry of entries) {
    chars += entry.length + 2
    if (chars > maxChars) break
    shown.push(entry)
  }
  const more = count > shown.length ? [`${count - shown.length} more are in the recording.`] : []
  return [`<details><summary>${title}: ${count}</summary>\n\n${[...shown, ...more].join('\n\n')}\n\n</details>`]
}

function told({ number, at, outcome, connection, text, chars, tag, rule, because }: StoryCommand): string {
  const shown = chars > text.length ? `${text}… (${chars} characters)` : text
  const lines = [`${connection}> ${shown}`, tag === '' ? '' : `-- ${tag}`, `-- rule ${rule}${because === '' ? '' : `: ${because}`}`]
  return `${at} · command ${number} · ${outcome}\n\n${fence(visible(lines.filter(line => line !== '').join('\n')), 'text')}`
}

function answered({ command, code, outcome, by, reason }: StoryAnswer): string {
  const words = [code, outcome, ...by, reason === '' ? '' : `reason: ${reason}`].filter(word => word !== '')
  return `command ${command}\n\n${fence(visible(words.join('\n').slice(0, MAX_COMMAND_CHARS)), 'text')}`
}

function identity(story: RunStory, key: string): string {
  const told = `${JSON.stringify(story.identity, null, 2)}\npolicy ${story.policy}\nsealed by ${key}`.slice(0, MAX_IDENTITY_CHARS)
  return `<details><summary>Identity and policy</summary>\n\n${fence(visible(told), 'text')}\n\n</details>`
}

/** Addresses come from GitHub; what could end a Markdown link is percent-encoded all the same. */
function safeUrl(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return '#'
  return new URL(text).href.replaceAll(/[()<>[\]]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
