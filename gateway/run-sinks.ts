// Where the recording of a run goes besides its own folder: `recording.sinks` of the policy. Part of the composition root.
import { openArtifactSink } from './adapter/artifact/artifact-sink.ts'
import { openFolderSink } from './adapter/folder/folder-sink.ts'
import type { LaunchRequest } from './control/protocol.ts'
import { SallyportError } from './core/errors.ts'
import type { Run } from './core/identity.ts'
import { Secret } from './core/secret.ts'
import type { Shipped, Sink } from './core/sink.ts'
import type { RunPolicy } from './run-policy.ts'

/** The sinks of a run, made before anything runs: one that cannot work is a failed start, not a lost recording. */
export function openSinks({ file }: RunPolicy, launch: LaunchRequest, run: Run): readonly Sink[] {
  const { sinks } = file.recording
  const wanted = sinks.length === 0 ? ['artifact'] : sinks
  return wanted.flatMap(sink => {
    if (sink === 'artifact') return launch.artifact === null ? [] : [openArtifacts(launch, launch.artifact, run)]
    if (sink.startsWith('file://')) return [openFolderSink({ url: sink, run: run.id })]
    throw notYet(`the sink ${sink.split('?')[0] ?? ''}`, 'a recording that cannot be shipped as the policy says must not be started')
  })
}

/** Ships to all; every failure is a warning with its name. */
export async function shipTo(
  sinks: readonly Sink[],
  dir: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly shipped: readonly Shipped[]; readonly warnings: readonly string[] }> {
  const settled = await Promise.allSettled(sinks.map(sink => sink.ship(dir, files, signal)))
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

function notYet(what: string, why: string): SallyportError {
  return new SallyportError('USAGE', `this version does not support ${what}`, { why, fix: 'take it out of recording: in the policy' })
}

function wordsOf(error: unknown): string {
  if (!(error instanceof SallyportError)) return 'no reason given'
  return error.why === null ? error.message : `${error.message} (${error.why})`
}
