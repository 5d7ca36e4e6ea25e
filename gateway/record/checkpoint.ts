// C2SP tlog checkpoints: what a signed note about a log says. https://c2sp.org/tlog-checkpoint
import { HASH_BYTES } from './merkle-tree.ts'
import { canonicalBase64, openNote, signNote } from './signed-note.ts'
import type { NoteSigner, NoteVerifier } from './signed-note.ts'

export interface Checkpoint {
  /** Which log: the name of its key, or below it where one key signs many logs. */
  readonly origin: string
  /** Number of lines. */
  readonly size: number
  readonly root: Buffer
}

export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  return signNote(`${checkpoint.origin}\n${checkpoint.size}\n${checkpoint.root.toString('base64')}\n`, signer)
}

/** null when it is not signed by this key, is about another log, or is not spelled as `signCheckpoint` spells it. */
export function openCheckpoint(note: string, verifier: NoteVerifier): Checkpoint | null {
  const text = openNote(note, verifier)
  const [, origin, digits, base64] = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]+)\n$/u.exec(text ?? '') ?? []
  if (origin === undefined || digits === undefined || base64 === undefined) return null
  if (origin !== verifier.name && !origin.startsWith(`${verifier.name}/`)) return null
  const root = canonicalBase64(base64)
  return root?.length === HASH_BYTES ? { origin, size: Number(digits), root } : null
}

/** The notes of a `checkpoints` file, in order, and what follows the last of them. */
export function splitCheckpoints(text: string): { readonly notes: readonly string[]; readonly rest: string } {
  const notes: string[] = []
  let start = 0
  for (let end = endOfNote(text, start); end !== null; end = endOfNote(text, start)) {
    notes.push(text.slice(start, end))
    start = end
  }
  return { notes, rest: text.slice(start) }
}

/** Three lines, an empty one, and a signature; null when something else stands there. Looks at no character twice, whatever the text is. */
function endOfNote(text: string, start: number): number | null {
  let at = start
  for (const isEmpty of [false, false, false, true, false]) {
    const end = text.indexOf('\n', at)
    if (end < 0 || (end === at) !== isEmpty) return null
    at = end + 1
  }
  return at
}
