// Every point at which a gateway is killed, and which kind of run passes it.
import type { Failpoint } from '../../../gateway/core/failpoint.ts'

/** `asked`: only a run in which somebody is asked passes it. */
type Kind = 'plain' | 'asked'

const kinds = {
  'run.before-open': 'plain',
  'run.opened': 'plain',
  'run.first-lines-arrived': 'plain',
  'client.accepted': 'plain',
  'client.let-in': 'plain',
  'session.before-open': 'plain',
  'session.opened': 'plain',
  'target.logged-in': 'plain',
  'command.judged': 'plain',
  'log.before-write': 'plain',
  'log.mid-line': 'plain',
  'log.written': 'plain',
  'log.before-sync': 'plain',
  'log.synced': 'plain',
  'checkpoint.before': 'plain',
  'checkpoint.between-files': 'plain',
  'checkpoint.signed': 'plain',
  'file.before-rename': 'plain',
  'command.recorded': 'plain',
  'target.before-forward': 'plain',
  'target.mid-message': 'plain',
  'target.forwarded': 'plain',
  'answer.arrived': 'plain',
  'answer.masked': 'plain',
  'client.before-answer': 'plain',
  'client.mid-message': 'plain',
  'client.answered': 'plain',
  'approval.asked': 'asked',
  'approval.posted': 'asked',
  'approval.before-read': 'asked',
  'approval.read': 'asked',
  'approval.before-release': 'asked',
  'approval.recorded': 'asked',
  'approval.released': 'asked',
  'session.before-close': 'plain',
  'session.closed': 'plain',
  'ship.before-segment': 'plain',
  'folder.mid-segment': 'plain',
  'folder.before-checkpoint': 'plain',
  'bucket.mid-segment': 'plain',
  'ship.segment-arrived': 'plain',
  'run.ending': 'plain',
  'run.before-close': 'plain',
  'run.close-written': 'plain',
  'seal.before-digests': 'plain',
  'seal.before-statement': 'plain',
  'seal.done': 'plain',
  'ship.before-files': 'plain',
  'folder.before-place': 'plain',
  'ship.between-sinks': 'plain',
  'run.shipped': 'plain',
} as const satisfies Record<Failpoint, Kind>

export const points = Object.entries(kinds).map(([name, kind]: [string, Kind]) => ({ name, isAsked: kind === 'asked' }))

/** Passed only after the statement is on disk: what is left behind by a kill there is a whole recording. */
export const sealedAfter: ReadonlySet<string> = new Set([
  'seal.done',
  'ship.before-files',
  'folder.before-place',
  'ship.between-sinks',
  'run.shipped',
])
