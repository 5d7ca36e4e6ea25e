// `sallyport exec`: the Action's main job without GitHub. Starts a gateway, runs COMMAND with the variables of its endpoints, seals the recording.
// COMMAND's own status is ours; others are used only when COMMAND never ran, or its recording could not be sealed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { isatty } from 'node:tty'
import { plainStart } from '../gateway/control/gateway-start.ts'
import { writeClientFiles } from '../gateway/control/client-files.ts'
import { readEventFile } from '../gateway/control/event-file.ts'
import { excludeSshConfig, includeSshConfig } from '../gateway/control/ssh-client-config.ts'
import { launchGateway, type Launched } from '../gateway/control/launch.ts'
import type { Finished, LaunchRequest } from '../gateway/control/protocol.ts'
import { findUser, runAs, type RunAs, type SystemUser } from '../gateway/control/run-as.ts'
import { SallyportError } from '../gateway/core/errors.ts'
import { visible } from '../gateway/core/visible-text.ts'
import { findConfig, readText } from './find-config.ts'
import { Interrupts } from './interrupts.ts'
import type { Io } from './io.ts'
import { eraseVariables } from './own-environment.ts'
import { recordingFolder } from './recording-folder.ts'

export interface ExecOptions {
  readonly config?: string
  readonly connection: readonly string[]
  readonly tokenFile?: string
  readonly gateway?: string
  readonly pullRequest?: number
  readonly out?: string
  readonly user?: string
  readonly signingKey?: string
}

/** @returns COMMAND's exit status; 128 + n when signal n ended it. @throws {SallyportError} when it was not started, or not sealed. */
export async function exec(command: readonly string[], options: ExecOptions, script: string, io: Io): Promise<number> {
  const [program] = command
  if (program === undefined) throw new SallyportError('USAGE', 'exec needs a command', { fix: 'sallyport exec [OPTIONS] -- COMMAND…' })
  if (options.gateway !== undefined) {
    throw new SallyportError('USAGE', 'this version has no standalone gateway', {
      why: '--gateway was given',
      fix: 'leave it out: the gateway is started on this machine',
    })
  }
  const user = options.user === undefined ? null : findUser(options.user)
  const clientDir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-'))
  const home = user?.home ?? os.userInfo().homedir
  const interrupts = new Interrupts([0, 1, 2].some(isatty))
  try {
    const request = requestOf(options, clientDir, io)
    const launched = await launchGateway({ request, start: plainStart(script, null), log: null, signal: interrupts.starting })
    const { ready } = launched
    writeClientFiles(clientDir, ready.files, user)
    if (user !== null) chownSync(clientDir, user.uid, user.gid)
    if (ready.endpoints.some(({ protocol }) => protocol === 'ssh')) includeSshConfig(home, clientDir, user)
    io.stderr(`sallyport: ${ready.endpoints.map(({ name }) => name).join(', ')} ready; recording key ${ready.key}\n`)
    // Names of roles and tables come from the target.
    for (const warning of ready.warnings) io.stderr(`sallyport: warning: ${visible(warning)}\n`)
    const environment: Record<string, string> = { ...io.environment, ...ready.environment }
    for (const name of ready.remove) delete environment[name]
    eraseVariables(ready.remove)
    const start = startOf(command, environment, user)
    const status = interrupts.first === null ? await runCommand(start, interrupts, io) : statusOf(interrupts.first)
    await seal(launched, io)
    return status
  } catch (error) {
    if (interrupts.first === null) throw error
    io.stderr(`sallyport: ${interrupts.first} before the command was started\n`)
    return statusOf(interrupts.first)
  } finally {
    excludeSshConfig(home, clientDir, user)
    rmSync(clientDir, { recursive: true, force: true })
    interrupts.close()
  }
}

function requestOf(options: ExecOptions, clientDir: string, io: Io): LaunchRequest {
  const config = findConfig(options.config)
  return {
    kind: 'launch',
    policy: { kind: 'text', text: readText(config), name: path.resolve(config) },
    connections: options.connection,
    token: tokenOf(options.tokenFile, io),
    audience: '',
    githubToken: io.environment['GITHUB_TOKEN'] ?? '',
    pullRequest: options.pullRequest ?? null,
    environment: io.environment,
    event: readEventFile(io.environment),
    out: recordingFolder(options.out),
    clientDir,
    isolation: 'none',
    watchPid: null,
    timeToLiveMs: null,
    artifact: null,
    attest: false,
    ...(options.signingKey === undefined ? {} : { signingKey: readText(options.signingKey) }),
  }
}

/** The token of a file; null where the gateway is to ask GitHub for one. */
function tokenOf(file: string | undefined, { environment }: Io): string | null {
  if (file !== undefined) return readText(file).trim()
  if (environment['ACTIONS_ID_TOKEN_REQUEST_URL'] !== undefined || environment['GITHUB_ACTIONS'] === 'true') return null
  throw new SallyportError('TOKEN_UNAVAILABLE', 'there is no OIDC token', {
    why: 'this is no GitHub job, and no --token-file was given',
    fix: 'give a token of one of the issuers by --token-file FILE, or run it in a job with `permissions: { id-token: write }`',
  })
}

function startOf(command: readonly string[], environment: Readonly<Record<string, string>>, user: SystemUser | null): RunAs {
  if (user !== null) return runAs(user, command, environment)
  const [file = '', ...args] = command
  return { file, args, environment, owner: {} }
}

async function runCommand({ file, args, environment, owner }: RunAs, interrupts: Interrupts, io: Io): Promise<number> {
  const child = spawn(file, [...args], { stdio: 'inherit', env: { ...environment }, ...owner })
  interrupts.passTo(child)
  try {
    await once(child, 'spawn')
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    io.stderr(`sallyport: ${file}: ${isMissing ? 'command not found' : 'cannot be run'}\n`)
    return isMissing ? 127 : 126
  }
  const [code, signal]: unknown[] = await once(child, 'exit')
  return typeof code === 'number' ? code : statusOf(signal)
}

/** 128 + n, as a shell says that signal n ended something. */
function statusOf(signal: unknown): number {
  return 128 + (Object.entries(os.constants.signals).find(([name]) => name === signal)?.[1] ?? os.constants.signals.SIGTERM)
}

async function seal(launched: Launched, io: Io): Promise<void> {
  const finished: Finished = await launched.finish('the command ended')
  for (const words of finished.words) io.stderr(`sallyport: ${words}\n`)
  for (const warning of finished.warnings) io.stderr(`sallyport: warning: ${warning}\n`)
}
