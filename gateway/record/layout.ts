// Which names belong to a recording (CONTRACT 7), and how they are found in a folder.
import path from 'node:path'
import type { Disk } from './log-file.ts'

export const EVENTS_FILE = 'events.jsonl'
export const CHECKPOINT_FILE = 'checkpoint'
export const CHECKPOINTS_FILE = 'checkpoints'
export const STATEMENT_FILE = 'statement.dsse.json'
export const REPLAY_FILE = 'replay.html'
/** Terminals: a file for each. */
export const SESSIONS_FOLDER = 'sessions'
/** The key of sealed lines, for the auditors. */
export const KEYS_FILE = 'keys.age'
/** What is added to the name of a file that only auditors can read. */
export const AGE_SUFFIX = '.age'
/** Blocks that a running log keeps back for its last words. */
export const RESERVE_FILE = '.reserve'

/** True for what a running log needs beside the recording, and a sealed one does not, `/` between its parts. */
export function isLeftover(name: string): boolean {
  const drafts = [CHECKPOINT_FILE, STATEMENT_FILE, REPLAY_FILE, REPLAY_FILE + AGE_SUFFIX, KEYS_FILE]
  return (
    name === RESERVE_FILE ||
    drafts.some(file => name === `${file}.tmp`) ||
    /^sessions\/[A-Za-z0-9_-]+\.cast\.tail\.age(?:\.tmp)?$/.test(name)
  )
}

/** True for a name of the layout, `/` between its parts. */
export function isRecordingFile(name: string): boolean {
  return /^(?:events\.jsonl|checkpoints?|statement\.dsse\.json|keys\.age|replay\.html(?:\.age)?|sessions\/[A-Za-z0-9_-]+\.cast(?:\.age)?)$/.test(
    name,
  )
}

/** The recording's files below a folder, sorted; whatever else lies there is none of our business. */
export function recordingFiles(disk: Pick<Disk, 'readdirSync'>, dir: string): readonly string[] {
  const names = (below: string): string[] =>
    disk
      .readdirSync(path.join(dir, below), { withFileTypes: true })
      .flatMap(entry =>
        entry.isFile()
          ? [below + entry.name]
          : entry.isDirectory() && below + entry.name === SESSIONS_FOLDER
            ? names(`${SESSIONS_FOLDER}/`)
            : [],
      )
  return names('').filter(isRecordingFile).toSorted()
}
