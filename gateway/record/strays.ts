// What lies beside the files of a recording: harmless company, or something that could be taken for a part of it.
import fs from 'node:fs'
import path from 'node:path'
import { EVENTS_FILE, isLeftover, isRecordingFile, SESSIONS_FOLDER } from './layout.ts'

/** Names below the folder that are none of the recording: files, links, folders. Those of other folders than `sessions` are not looked into. */
export function straysIn(dir: string, names: readonly string[]): readonly string[] {
  const known = new Set(names)
  const below = (folder: string): string[] =>
    fs.readdirSync(path.join(dir, folder), { withFileTypes: true }).flatMap(entry => {
      const name = folder + entry.name
      if (entry.isDirectory() && name === SESSIONS_FOLDER) return below(`${SESSIONS_FOLDER}/`)
      return known.has(name) ? [] : [name]
    })
  return below('').toSorted()
}

/**
 * True for a name that a sealed recording never has beside it, and that somebody or something could read as part of it: hidden, among
 * the sessions, the name of one of its files in other letters or as a link, another log, a path out of the folder.
 * @param isSealed false: what a running log needs may still be there.
 */
export function isMisleading(name: string, isSealed: boolean): boolean {
  if (!isSealed && isLeftover(name)) return false
  const parts = name.split(/[/\\]/)
  if (parts.some(part => part === '' || part.startsWith('.')) || name.includes('\\') || name.includes('\0')) return true
  const plain = name.normalize('NFKC').toLowerCase()
  return parts[0] === SESSIONS_FOLDER || isRecordingFile(plain) || path.posix.basename(plain) === EVENTS_FILE
}
