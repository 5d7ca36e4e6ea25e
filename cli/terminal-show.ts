// Shows a recorded terminal: on a terminal it plays, anywhere else it is the asciicast as it is.
// What plays is drawn from the emulator's screen: text, colours, positions. No byte of the recording reaches the reader's terminal raw.
import { systemClock } from '../gateway/core/clock.ts'
import { SallyportError } from '../gateway/core/errors.ts'
import { visible, visibleJson } from '../gateway/core/visible-text.ts'
import { readCast } from '../gateway/terminal/cast.ts'
import { lineRuns, lineText } from '../gateway/terminal/grid.ts'
import type { Line } from '../gateway/terminal/grid.ts'
import { Playback } from '../gateway/terminal/playback.ts'
import { isSameStyle, plainStyle, TRUE_COLOUR } from '../gateway/terminal/style.ts'
import type { Colour, Style } from '../gateway/terminal/style.ts'
import type { Io } from './io.ts'
import type { RecordedCast } from './recorded-terminals.ts'

const IDLE_LIMIT_SECONDS = 2
/** Nobody sees more pictures a second. */
const FRAME_SECONDS = 1 / 30
const ENTER = '\u001b[?1049h\u001b[2J\u001b[?25l'
const LEAVE = '\u001b[0m\u001b[?25h\u001b[?1049l'

export interface ShowOptions {
  readonly speed?: number
  readonly idleLimit?: number
}

/** @returns false when its end is missing. @throws {SallyportError} UNREADABLE when it is no asciicast. */
export async function showTerminal({ text, isWhole }: RecordedCast, { speed = 1, idleLimit }: ShowOptions, io: Io): Promise<boolean> {
  if (!io.isTty) {
    io.stdout(visibleJson(text))
    return isWhole
  }
  const cast = readCast(text)
  if (cast === null) throw new SallyportError('UNREADABLE', 'the terminal is not an asciicast of version 2')
  const playback = new Playback(cast, idleLimit ?? IDLE_LIMIT_SECONDS)
  const stop = new AbortController()
  const leave = (): void => stop.abort()
  process.once('SIGINT', leave)
  io.stdout(ENTER)
  try {
    await play(playback, speed, io, stop.signal)
  } finally {
    process.off('SIGINT', leave)
    io.stdout(LEAVE)
  }
  // What stood there at the end stays to be read.
  const lines = playback.screen.lines.map(lineText)
  const last = lines.findLastIndex(line => line !== '')
  for (const line of lines.slice(0, last + 1)) io.stdout(`${visible(line)}\n`)
  return isWhole
}

async function play(playback: Playback, speed: number, io: Io, signal: AbortSignal): Promise<void> {
  const drawn: string[] = []
  const startedMs = systemClock.monotonicMs()
  for (let next: number | null = 0; next !== null && !signal.aborted;) {
    const waitMs = (next / speed) * 1000 - (systemClock.monotonicMs() - startedMs)
    if (waitMs >= 1) await systemClock.sleep(waitMs, signal).catch(() => {})
    playback.seek(next)
    io.stdout(changes(playback, drawn))
    const after = playback.nextAfter(next)
    next = after === null ? null : Math.max(after, Math.min(next + FRAME_SECONDS * speed, playback.duration))
  }
}

/** What has to be written for a terminal to show this screen. */
function changes({ screen }: Playback, drawn: string[]): string {
  let out = ''
  for (const [row, line] of screen.lines.entries()) {
    const text = painted(line)
    if (drawn[row] === text) continue
    drawn[row] = text
    out += `\u001b[${row + 1};1H${text}\u001b[0m\u001b[K`
  }
  for (let row = screen.rows; row < drawn.length; row += 1) out += `\u001b[${row + 1};1H\u001b[K`
  drawn.length = screen.rows
  const { cursor } = screen
  return `${out}${cursor === null ? '\u001b[?25l' : `\u001b[${cursor.y + 1};${cursor.x + 1}H\u001b[?25h`}`
}

/** Blanks at the end are left to the erasing that follows. */
function painted(line: Line): string {
  const runs = lineRuns(line)
  const end = runs.findLastIndex(({ text, style }) => text.trimEnd() !== '' || !isSameStyle(style, plainStyle))
  return runs
    .slice(0, end + 1)
    .map(({ text, style }, at) => `\u001b[${sgr(style)}m${visible(at === end && isSameStyle(style, plainStyle) ? text.trimEnd() : text)}`)
    .join('')
}

function sgr(style: Style): string {
  const flags: readonly (readonly [boolean, number])[] = [
    [style.bold, 1],
    [style.dim, 2],
    [style.italic, 3],
    [style.underline, 4],
    [style.inverse, 7],
    [style.hidden, 8],
    [style.strike, 9],
  ]
  const set = flags.filter(([isOn]) => isOn).map(([, code]) => String(code))
  return ['0', ...set, ...colour(style.fg, 38), ...colour(style.bg, 48)].join(';')
}

function colour(value: Colour, code: 38 | 48): readonly string[] {
  if (value === null) return []
  if (value < TRUE_COLOUR) return [`${code};5;${value}`]
  return [`${code};2;${(value >> 16) & 0xff};${(value >> 8) & 0xff};${value & 0xff}`]
}
