// Starts the gateway for a job: builds the request from inputs and environment, picks the isolation, writes the client files.
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { writeClientFiles } from '../gateway/control/client-files.ts'
import { readEventFile } from '../gateway/control/event-file.ts'
import { plainStart, type GatewayStart } from '../gateway/control/gateway-start.ts'
import { isolatedStart } from '../gateway/control/isolated-start.ts'
import { launchGateway, type Launched } from '../gateway/control/launch.ts'
import type { LaunchRequest } from '../gateway/control/protocol.ts'
import type { Environment, Inputs } from './inputs.ts'
import { jobProcess } from './job-process.ts'
import { trustedNode } from './trusted-node.ts'

/** Longer than any job of GitHub lives: 5 days on self-hosted runners. The watched process normally ends the gateway long before. */
const TIME_TO_LIVE_MS = 5 * 24 * 60 * 60 * 1000

/** A gateway that is ready, and where its things are. */
export interface JobGateway {
  readonly launched: Launched
  /** Private folder of this step below RUNNER_TEMP: the gateway's log. */
  readonly folder: string
  /** Folder with the program for `shell: sallyport {0}`. */
  readonly binDir: string
  /** Folder of the client files. */
  readonly clientDir: string
  /** Where the recording is left when the gateway dies; null = in the gateway's own temporary folder. */
  readonly privateDir: string | null
}

/** Where a gateway's parts will be, and how it is started. */
interface Place {
  readonly start: GatewayStart
  readonly clientDir: string
  readonly clientFileMode: number
  readonly binDir: string
  readonly privateDir: string | null
}

/**
 * Starts the gateway and writes what the job's clients need.
 *
 * @param script `gateway.mjs`, beside the Action's own bundle.
 * @throws {SallyportError} what the gateway refused, ISOLATION_IMPOSSIBLE, GATEWAY_LOST.
 */
export async function launchForJob(inputs: Inputs, environment: Environment, script: string, signal: AbortSignal): Promise<JobGateway> {
  const folder = mkdtempSync(path.join(environment['RUNNER_TEMP'] || tmpdir(), 'sallyport-'))
  const place = inputs.isolation === 'user' ? await isolatedPlace(environment, script) : plainPlace(environment, script, folder)
  const launched = await launchGateway({
    request: requestOf(inputs, environment, place.clientDir),
    start: place.start,
    log: path.join(folder, 'gateway.log'),
    signal,
  })
  try {
    writeClientFiles(place.clientDir, launched.ready.files, null, place.clientFileMode)
  } catch (error) {
    await launched.finish('the client files could not be written')
    throw error
  }
  return { launched, folder, binDir: place.binDir, clientDir: place.clientDir, privateDir: place.privateDir }
}

async function isolatedPlace(environment: Environment, script: string): Promise<Place> {
  const node = await trustedNode(environment)
  const isolated = isolatedStart({ script, node: node.file, nodeDigest: node.digest, jobUser: null, timeToLiveMs: TIME_TO_LIVE_MS })
  // The group of the folder is that of the user for `shell: sallyport {0}`, and has no other member.
  return { ...isolated, clientFileMode: 0o640 }
}

function plainPlace(environment: Environment, script: string, folder: string): Place {
  const clientDir = path.join(folder, 'client')
  const binDir = path.join(folder, 'bin')
  mkdirSync(clientDir, { mode: 0o700 })
  mkdirSync(binDir)
  // Without a user of its own there is none to run a step as. Saying so beats "command not found".
  writeFileSync(path.join(binDir, 'sallyport'), plainProgram(path.join(path.dirname(script), 'cli.mjs')))
  chmodSync(path.join(binDir, 'sallyport'), 0o755)
  return {
    start: plainStart(script, environment['RUNNER_TRACKING_ID'] ?? null),
    clientDir,
    clientFileMode: 0o600,
    binDir,
    privateDir: null,
  }
}

function plainProgram(cli: string): string {
  return `#!/bin/sh
if [ $# -ne 1 ] || [ ! -f "$1" ]; then exec "${process.execPath}" "${cli}" "$@"; fi
echo 'SALLYPORT-E18 shell: sallyport {0} needs isolation: user' >&2
echo '  why: with isolation: none there is no other user that the step could run as' >&2
echo '  fix: set isolation: user on the step that uses Sallyport' >&2
exit 125
`
}

function requestOf(inputs: Inputs, environment: Environment, clientDir: string): LaunchRequest {
  return {
    kind: 'launch',
    policy: { kind: 'github', config: inputs.config },
    connections: inputs.connections,
    token: null,
    audience: inputs.audience,
    githubToken: inputs.githubToken,
    pullRequest: inputs.pullRequest,
    environment: definedIn(environment),
    event: readEventFile(environment),
    out: null,
    clientDir,
    isolation: inputs.isolation,
    watchPid: jobProcess(),
    timeToLiveMs: TIME_TO_LIVE_MS,
    artifact: { name: inputs.artifactName, retentionDays: inputs.retentionDays },
    attest: inputs.attest,
  }
}

function definedIn(environment: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}
