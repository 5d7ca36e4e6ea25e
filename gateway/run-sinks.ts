// Where the recording of a run goes besides its own folder: `recording.sinks` of the policy. Part of the composition root.
import { openArtifactSink } from './adapter/artifact/artifact-sink.ts'
import { openFolderSink } from './adapter/folder/folder-sink.ts'
import { readS3Address } from './adapter/s3/s3-address.ts'
import { keyVariables, openKeySource } from './adapter/s3/s3-credentials.ts'
import type { KeyParts } from './adapter/s3/s3-credentials.ts'
import { openS3Sink } from './adapter/s3/s3-sink.ts'
import type { LaunchRequest } from './control/protocol.ts'
import { SallyportError } from './core/errors.ts'
import { failpoint } from './core/failpoint.ts'
import type { Run } from './core/identity.ts'
import { Secret } from './core/secret.ts'
import type { Shipped, Sink } from './core/sink.ts'
import type { RunLog } from './record/run-log.ts'
import type { RunPolicy } from './run-policy.ts'

/** What the first lines may take to arrive before a start is given up. */
const FIRST_LINES_MS = 20_000

export type SinkParts = Pick<KeyParts, 'idToken' | 'http' | 'clock'>

/** The sinks of a run, made before anything runs: one that cannot work is a failed start, not a lost recording. */
export function openSinks({ file }: RunPolicy, launch: LaunchRequest, run: Run, parts: SinkParts): readonly Sink[] {
  const { sinks } = file.recording
  const wanted = sinks.length === 0 ? ['artifact'] : sinks
  return wanted.flatMap(sink => {
    if (sink === 'artifact') return launch.artifact === null ? [] : [openArtifacts(launch, launch.artifact, run)]
    if (sink.startsWith('file://')) return [openFolderSink({ url: sink, run: run.id })]
    const { AWS_REGION, AWS_DEFAULT_REGION } = launch.environment
    const address = readS3Address(sink, AWS_REGION ?? AWS_DEFAULT_REGION ?? 'us-east-1')
    const keys = openKeySource(address, { ...parts, environment: launch.environment })
    return [openS3Sink({ address, run: run.id, keys, ...parts })]
  })
}

/** Variables with access keys of a sink: what the job starts with is without them. */
export function sinkVariables({ file }: RunPolicy): readonly string[] {
  const withKeys = file.recording.sinks.filter(sink => sink.startsWith('s3://') && !/[?&]role=/.test(sink))
  return withKeys.length === 0 ? [] : keyVariables
}

/**
 * Waits until every sink that takes a running log has its first lines: who runs what, under which key, is then out of the job's reach.
 * @throws {SallyportError} what the sink said, at its first failure.
 */
export async function shipFirstLines(log: RunLog, sinks: readonly Sink[], signal: AbortSignal): Promise<void> {
  const either = AbortSignal.any([signal, AbortSignal.timeout(FIRST_LINES_MS)])
  await Promise.all(sinks.map(sink => log.shipped(sink, either, false)))
}

/** Ships to all what they do not have yet; every failure is a warning with its name. */
export async function shipTo(
  log: RunLog,
  sinks: readonly Sink[],
  dir: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly shipped: readonly Shipped[]; readonly warnings: readonly string[] }> {
  const settled = await Promise.allSettled(
    sinks.map(async sink => {
      await log.shipped(sink, signal)
      failpoint('ship.before-files')
      const shipped = await sink.ship(dir, files, signal)
      failpoint('ship.between-sinks')
      return shipped
    }),
  )
  return {
    shipped: settled.flatMap(result => (result.status === 'fulfilled' ? [result.value] : [])),
    warnings: settled.flatMap((result, index) =>
      result.status === 'rejected' ? [`the recording was not shipped to ${sinks[index]?.name ?? 'a sink'}: ${wordsOf(result.reason)}`] : [],
    ),
  }
}

function openArtifacts({ environment }: LaunchRequest, { name, retentionDays }: NonNullable<LaunchRequest['artifact']>, run: Run): Sink {
  return openArtifactSink({
    name,
    retentionDays,
    runtimeToken: new Secret(environment['ACTIONS_RUNTIME_TOKEN'] ?? ''),
    resultsUrl: environment['ACTIONS_RESULTS_URL'] ?? '',
    serverUrl: environment['GITHUB_SERVER_URL'] ?? 'https://github.com',
    repository: run.repository ?? '',
    workflowRunId: run.workflowRunId ?? '',
    environment,
  })
}

function wordsOf(error: unknown): string {
  if (!(error instanceof SallyportError)) return 'no reason given'
  return error.why === null ? error.message : `${error.message} (${error.why})`
}
