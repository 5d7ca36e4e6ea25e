// The events of a recording in order, one at a time. Verifies nothing: a line that is no event is passed over, and counted.
import { EVENTS_FILE } from './layout.ts'
import type { LineOpener } from './line-seal.ts'
import { LineSplitter } from './line-splitter.ts'
import type { RecordingSource } from './recording-source.ts'
import { isStoredEvent, readMembers } from './stored-event.ts'
import type { Members, StoredEvent } from './stored-event.ts'

export interface Unread {
  /** Lines that only the auditors can read, and that were not opened. */
  sealed: number
  /** Lines that are not events. */
  broken: number
}

/**
 * @param unread is counted up as lines are passed over.
 * @param open opens sealed lines; null = they are passed over. One that it cannot open is broken.
 */
export async function* readEvents(
  source: Pick<RecordingSource, 'read'>,
  unread: Unread,
  open: LineOpener | null = null,
): AsyncGenerator<StoredEvent> {
  const splitter = new LineSplitter()
  for await (const chunk of source.read(EVENTS_FILE)) {
    const events: StoredEvent[] = []
    splitter.push(chunk, prefixed => {
      const line = readMembers(prefixed.toString('utf8', 1))
      const members = line !== null && isSealed(line) && open !== null ? openLine(line, open) : line
      if (members !== null && isStoredEvent(members)) events.push(members)
      else if (members !== null && isSealed(members)) unread.sealed += 1
      else unread.broken += 1
    })
    yield* events
  }
}

export interface SealedLine extends Members {
  readonly seq: number
  readonly sealed: string
}

export function isSealed(members: Members): members is SealedLine {
  return typeof members['seq'] === 'number' && typeof members['sealed'] === 'string'
}

/** The event of a sealed line; null when it is not the event that was sealed with this number. */
export function openLine({ seq, sealed }: SealedLine, open: LineOpener): Members | null {
  const event = open(seq, sealed)
  const members = event === null ? null : readMembers(event)
  return members?.['seq'] === seq ? members : null
}
