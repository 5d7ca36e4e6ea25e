// One file operation on its way to the target: its paths resolved there, judged with them, and sent with them.
import { fileCommand } from '../../command/ssh/file-command.ts'
import type { FileWish } from '../../command/ssh/file-command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import { Permit } from '../../core/permit.ts'
import type { Session } from '../../core/session.ts'
import { replaceTexts } from '../../wire/ssh/sftp.ts'
import { heldLine } from './held-words.ts'
import type { TargetPaths } from './target-paths.ts'

type Judged = Extract<FileWish, { kind: 'judged' }>

export interface FileQuestion {
  readonly wish: Judged
  readonly packet: Buffer
  readonly session: Session
  readonly paths: TargetPaths
  readonly signal: AbortSignal
  readonly onHeld: (words: string) => void
}

export interface JudgedRequest {
  readonly command: number
  readonly paths: readonly string[]
  /** What may be sent, and nothing else. */
  readonly request: Buffer
}

/** @throws {Refusal} when it is denied, rejected or cancelled. @throws {SallyportError} RECORDING_FAILED. */
export async function judgeFile({ wish, packet, session, paths: targetPaths, signal, onHeld }: FileQuestion): Promise<JudgedRequest> {
  // A path of a handle is one that was resolved when it was opened.
  const paths =
    wish.sent === null ? wish.paths.map(({ path }) => path) : await Promise.all(wish.paths.map(each => targetPaths.resolve(each)))
  const request = asJudged(packet, wish, paths)
  const admission = await session.admit(
    wish.operations.map(operation => fileCommand(operation, paths)),
    { bytes: () => request, signal, onHeld: hold => onHeld(heldLine(hold)), notes: [] },
  )
  if (!Permit.isMinted(admission.permit)) throw new SallyportError('INTERNAL', 'a command without a permit')
  if (signal.aborted) throw new Refusal('COMMAND_CANCELLED', null, 'sallyport: cancelled: the client went away')
  return { command: admission.numbers[0] ?? 0, paths, request }
}

/**
 * The request with the paths that were judged in place of those that lead to them: what lies on the way may be another link by the time it is done.
 * A path that the target could not resolve stays as it was written.
 */
function asJudged(packet: Buffer, { sent, paths: asked }: Judged, paths: readonly string[]): Buffer {
  if (sent === null) return packet
  const texts = paths.slice(0, sent.count).map((judged, index) => {
    const wanted = asked[index]?.path ?? ''
    if (!judged.startsWith('/')) return wanted
    // A slash at the end is a demand for a folder, and stays one.
    return judged !== '/' && wanted.length > 1 && wanted.endsWith('/') ? `${judged}/` : judged
  })
  return replaceTexts(packet, sent.after, texts)
}
