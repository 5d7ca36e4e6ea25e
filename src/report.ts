// What the log and the annotations say. At most three annotations a run: a wall of them is read by nobody.
import { endGroup, error as annotateError, info, notice, startGroup, warning } from '@actions/core'
import { failedOf } from '../gateway/control/gateway-error.ts'
import type { Finished, Ready } from '../gateway/control/protocol.ts'

const TITLE = 'sallyport'

/** Says that the gateway is ready: who asks, what is open, and the key by which the recording is checked. */
export function reportReady(ready: Ready, tookMs: number, isolation: string): void {
  startGroup('sallyport: identity, policy, connections')
  for (const line of ready.words) info(`  ${line}`)
  for (const { name, protocol, host, port } of ready.endpoints) info(`  ${name}  ${protocol}  ${host}:${port}`)
  endGroup()
  info(`sallyport: ready in ${(tookMs / 1000).toFixed(1)} s; run ${ready.run}; isolation ${isolation}`)
  info(`sallyport: recording key ${ready.key}`)
  if (ready.warnings.length > 0) warning(ready.warnings.join('\n'), { title: TITLE })
}

/** Says how the run ended. */
export function reportFinished(finished: Finished): void {
  for (const line of finished.words) info(`sallyport: ${line}`)
  const refused = refusedIn(finished)
  const warnings = [...(refused > 0 ? [`${refused} ${refused === 1 ? 'command' : 'commands'} did not run`] : []), ...finished.warnings]
  if (warnings.length > 0) warning(warnings.join('\n'), { title: TITLE })
  if (finished.artifactUrl !== null) notice(`recording: ${finished.artifactUrl}`, { title: TITLE })
}

/** How many commands a rule or a person kept from running. */
export function refusedIn(finished: Finished): number {
  return ['denied', 'rejected', 'expired', 'superseded'].reduce((sum, name) => sum + (finished.counts[name] ?? 0), 0)
}

/** One annotation in the form of the error list: what, why, fix. Never a stack, never a cause. */
export function reportFailure(failure: unknown): void {
  const { id, message, why, fix } = failedOf(failure)
  const lines = [`SALLYPORT-${id} ${message}`, ...(why === null ? [] : [`why: ${why}`]), ...(fix === null ? [] : [`fix: ${fix}`])]
  annotateError(lines.join('\n'), { title: TITLE })
}
