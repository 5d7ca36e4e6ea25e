// The end of a run: nothing more is let through, credentials go back, the log is sealed and shipped. Part of the composition root.
import { rmSync } from 'node:fs'
import type { CredentialSources } from './credential-sources.ts'
import type { Finished, LaunchRequest } from './control/protocol.ts'
import { failpoint } from './core/failpoint.ts'
import type { Run } from './core/identity.ts'
import type { Sink } from './core/sink.ts'
import type { Doors } from './doors.ts'
import type { RunLog } from './record/run-log.ts'
import { summarizeStory } from './record/summary.ts'
import { notAttested } from './run-attestation.ts'
import type { Attest } from './run-attestation.ts'
import { shipTo } from './run-sinks.ts'
import type { OpenApprovalDesk } from './session/approval-desk.ts'

/** A cancelled job leaves about ten seconds for everything. */
const LAST_EDITS_MS = 2_000
const GIVE_BACK_MS = 4_000
const SHIP_MS = 60_000
/** Of a log that failed, or of a run that never opened. */
const LAST_LINES_MS = 3_000

export interface RunEnd {
  readonly reason: string
  readonly launch: LaunchRequest
  readonly run: Run
  readonly log: RunLog
  readonly doors: Doors
  readonly approvals: OpenApprovalDesk
  readonly sources: CredentialSources
  readonly sinks: readonly Sink[]
  readonly attest: Attest
  /** What was found at the start of roles that see past the masks. */
  readonly weak: readonly string[]
  /** True for a run that never opened: nobody waits long for what it has to say. */
  readonly isStillborn: boolean
}

/** @throws {SallyportError} RECORDING_FAILED when the log cannot be sealed; sessions are closed and credentials given back all the same. */
export async function finishRun({
  reason,
  launch,
  run,
  log,
  doors,
  approvals,
  sources,
  sinks,
  attest,
  isStillborn,
  weak,
}: RunEnd): Promise<Finished> {
  failpoint('run.ending')
  await doors.close('the run is over')
  const [, words] = await Promise.all([
    approvals.close(AbortSignal.timeout(LAST_EDITS_MS)),
    sources.close(AbortSignal.timeout(GIVE_BACK_MS)),
  ])
  failpoint('run.before-close')
  const sealed = await log.seal({ reason }).catch(async (error: unknown) => {
    // What is there, and why it ends, may still arrive where it is safe.
    await Promise.allSettled(sinks.map(sink => log.shipped(sink, AbortSignal.timeout(LAST_LINES_MS))))
    log.stopShipping()
    throw error
  })
  const names = sealed.files.map(({ name }) => name)
  const shipping = shipTo(log, sinks, sealed.dir, names, AbortSignal.timeout(isStillborn ? LAST_LINES_MS : SHIP_MS))
  // Nothing ran in a run that never opened: there is nothing to vouch for.
  const [ship, attested] = await Promise.all([shipping, isStillborn ? notAttested : attest(sealed)])
  const { shipped } = ship
  const warnings = [...ship.warnings, ...(attested.warning === null ? [] : [attested.warning])]
  log.stopShipping()
  failpoint('run.shipped')
  const page = shipped.find(({ url }) => url !== null)
  const summary = summarizeStory(log.story, {
    artifactUrl: page?.url ?? null,
    replayUrl: page?.pageUrl ?? null,
    attestationUrl: attested.url,
    key: log.key,
    isEncrypted: log.isEncrypted,
    warnings: weak,
  })
  // A private folder has done its work once the recording is somewhere else; otherwise it is all there is.
  const isKept = launch.out !== null || sinks.length === 0 || ship.warnings.length > 0
  if (!isKept) rmSync(sealed.dir, { recursive: true, force: true })
  const { commands, denied, asked, approved } = sealed.counts
  // Every session is over, so whatever was asked and not approved was refused, ran out of time or lost its client.
  const rejected = asked - approved
  const where = isKept ? ` in ${sealed.dir}` : ''
  return {
    kind: 'finished',
    run: run.id,
    key: log.key,
    out: launch.out,
    counts: { ...sealed.counts, rejected },
    summary,
    words: [
      ...words,
      ...(attested.url === null ? [] : [`attested: ${attested.url}`]),
      `${commands} commands, ${denied} denied${rejected > 0 ? `, ${rejected} not approved` : ''}; recording sealed with ${sealed.lines} lines${where}, key ${log.key}`,
    ],
    warnings,
    artifactUrl: page?.url ?? null,
  }
}
