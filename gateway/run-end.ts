// The end of a run: nothing more is let through, credentials go back, the log is sealed and shipped. Part of the composition root.
import type { CredentialSources } from './credential-sources.ts'
import type { Finished, LaunchRequest } from './control/protocol.ts'
import type { Clock } from './core/clock.ts'
import type { Identity, Run } from './core/identity.ts'
import type { Doors } from './doors.ts'
import type { RunLog } from './record/run-log.ts'
import type { RunPolicy } from './run-policy.ts'
import type { OpenApprovalDesk } from './session/approval-desk.ts'

/** A cancelled job leaves about ten seconds for everything. */
const LAST_EDITS_MS = 2_000
const GIVE_BACK_MS = 4_000

export interface RunEnd {
  readonly reason: string
  readonly launch: LaunchRequest
  readonly run: Run
  readonly runPolicy: RunPolicy
  readonly identity: Identity
  readonly log: RunLog
  readonly doors: Doors
  readonly approvals: OpenApprovalDesk
  readonly sources: CredentialSources
  readonly clock: Clock
}

/** @throws {SallyportError} RECORDING_FAILED when the log cannot be sealed; sessions are closed and credentials given back all the same. */
export async function finishRun({ reason, launch, run, log, doors, approvals, sources }: RunEnd): Promise<Finished> {
  await doors.close('the run is over')
  const [, words] = await Promise.all([
    approvals.close(AbortSignal.timeout(LAST_EDITS_MS)),
    sources.close(AbortSignal.timeout(GIVE_BACK_MS)),
  ])
  const sealed = await log.seal({ reason })
  const { commands, denied } = sealed.counts
  return {
    kind: 'finished',
    run: run.id,
    key: log.key,
    out: launch.out,
    counts: { ...sealed.counts },
    summary: '',
    words: [...words, `${commands} commands, ${denied} denied; recording ${sealed.dir} sealed with ${sealed.lines} lines, key ${log.key}`],
    warnings: [],
    artifactUrl: null,
  }
}
