// `sallyport exec`: the Action's main job without GitHub. Starts a gateway, runs COMMAND with the variables of its endpoints, seals the recording.
// COMMAND's own status is ours; 125 and below-5 statuses are only used when COMMAND never ran, or its recording could not be sealed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { plainStart } from '../gateway/control/gateway-start.ts'
import { writeClientFiles } from '../gateway/control/client-files.ts'
import { excludeSshConfig, includeSshConfig } from '../gateway/control/ssh-client-config.ts'
import { launchGateway, type Launched } from '../gateway/control/launch.ts'
import type { Finished, LaunchRequest } from '../gateway/control/protocol.ts'
import { findUser, runAs, type RunAs, type SystemUser } from '../gateway/control/run-as.ts'
import { SallyportError } from '../gateway/core/errors.ts'
import { findConfig, readText } from './find-config.ts'
import type { Io } from './io.ts'

export interface ExecOptions {
  readonly config?: string
  readonly connection: readonly string[]
  readonly tokenFile?: string
  readonly gateway?: string
  readonly pullRequest?: number
  readonly out?: string
  readonly user?: string
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
  try {
    const launched = await launchGateway({ request: requestOf(options, clientDir, io), start: plainStart(script, null), log: null })
    const { ready } = launched
    writeClientFiles(clientDir, ready.files, user)
    if (user !== null) chownSync(clientDir, user.uid, user.gid)
    if (ready.endpoints.some(({ protocol }) => protocol === 'ssh')) includeSshConfig(home, clientDir, user)
    io.stderr(`sallyport: ${ready.endpoints.map(({ name }) => name).join(', ')} ready; recording key ${ready.key}\n`)
    for (const warning of ready.warnings) io.stderr(`sallyport: warning: ${warning}\n`)
    const environment: Record<string, string> = { ...io.environment, ...ready.environment }
    for (const name of ready.remove) delete environment[name]
    const status = await runCommand(startOf(command, environment, user), io)
    await seal(launched, io)
    return status
  } finally {
    excludeSshConfig(home, clientDir)
    rmSync(clientDir, { recursive: true, force: true })
  }
}

function requestOf(options: ExecOptions, clientDir: string, io: Io): LaunchRequest {
  const config = findConfig(options.config)
  const out = path.resolve(options.out ?? 'sallyport-recording')
  mkdirSync(path.dirname(out), { recursive: true })
  return {
    kind: 'launch',
    policy: { kind: 'text', text: readText(config), name: path.resolve(config) },
    connections: options.connection,
    token: options.tokenFile === undefined ? null : readText(options.tokenFile).trim(),
    audience: '',
    githubToken: io.environment['GITHUB_TOKEN'] ?? '',
    pullRequest: options.pullRequest ?? null,
    environment: io.environment,
    event: eventOf(io),
    out,
    clientDir,
    isolation: 'none',
    watchPid: null,
    timeToLiveMs: null,
    artifact: null,
    attest: false,
  }
}

function startOf(command: readonly string[], environment: Readonly<Record<string, string>>, user: SystemUser | null): RunAs {
  if (user !== null) return runAs(user, command, environment)
  const [file = '', ...args] = command
  return { file, args, environment, owner: {} }
}

/** Signals of the terminal reach COMMAND by themselves; those sent to us alone are passed on. */
async function runCommand({ file, args, environment, owner }: RunAs, io: Io): Promise<number> {
  const child = spawn(file, [...args], { stdio: 'inherit', env: { ...environment }, ...owner })
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, pass)
  try {
    await once(child, 'spawn')
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    io.stderr(`sallyport: ${file}: ${isMissing ? 'command not found' : 'cannot be run'}\n`)
    return isMissing ? 127 : 126
  }
  try {
    const [code, signal]: unknown[] = await once(child, 'exit')
    return typeof code === 'number' ? code : 128 + (os.constants.signals[readSignal(signal)] ?? 0)
  } finally {
    for (const each of signals) process.off(each, pass)
  }
}

function readSignal(value: unknown): NodeJS.Signals {
  const known: readonly string[] = Object.keys(os.constants.signals)
  return isSignal(value, known) ? value : 'SIGTERM'
}

function isSignal(value: unknown, known: readonly string[]): value is NodeJS.Signals {
  return typeof value === 'string' && known.includes(value)
}

/** GitHub's event file, where there is one. */
function eventOf(io: Io): string | null {
  try {
    return readFileSync(io.environment['GITHUB_EVENT_PATH'] ?? '', 'utf8')
  } catch {
    return null
  }
}

async function seal(launched: Launched, io: Io): Promise<void> {
  const finished: Finished = await launched.finish('the command ended')
  for (const words of finished.words) io.stderr(`sallyport: ${words}\n`)
  for (const warning of finished.warnings) io.stderr(`sallyport: warning: ${warning}\n`)
}
