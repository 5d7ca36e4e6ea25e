// The events of a recording in order, one at a time. Verifies nothing: a line that is no event is passed over, and counted.
import { EVENTS_FILE } from './layout.ts'
import { LineSplitter } from './line-splitter.ts'
import type { RecordingSource } from './recording-source.ts'
import { isStoredEvent, readMembers } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'

export interface Unread {
  /** Lines that only the auditors can read. */
  sealed: number
  /** Lines that are not events. */
  broken: number
}

/** @param unread is counted up as lines are passed over. */
export async function* readEvents(source: Pick<RecordingSource, 'read'>, unread: Unread): AsyncGenerator<StoredEvent> {
  const splitter = new LineSplitter()
  for await (const chunk of source.read(EVENTS_FILE)) {
    const events: StoredEvent[] = []
    splitter.push(chunk, prefixed => {
      const members = readMembers(prefixed.toString('utf8', 1))
      if (members !== null && isStoredEvent(members)) events.push(members)
      else if (members !== null && 'sealed' in members) unread.sealed += 1
      else unread.broken += 1
    })
    yield* events
  }
}
