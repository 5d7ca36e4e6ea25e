// Lets a user's own ssh configuration know the run's hosts: one marked piece at its top, taken out again at the end, whatever other runs do.
// The file itself is written in place: links, owner, mode and every other byte stay as they were found.
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { SallyportError } from '../core/errors.ts'
import { actingAs } from './acting-as.ts'
import type { FileOwner } from './client-files.ts'
import { whileLocked } from './config-lock.ts'
import { listeningPorts } from './listening-ports.ts'
import { readSshConfigText, writeSshConfigText } from './ssh-config-text.ts'
import type { ConfiguredRun, SshConfigText } from './ssh-config-text.ts'
import { doorSign, SSH_CONFIG_FILE } from './ssh-door.ts'

/** In the home, which is there before the folder is. */
const LOCK = '.sallyport-ssh-config.lock'

/**
 * Adds the run's piece. OpenSSH takes the home of the password database, not $HOME.
 * @param owner of the home, where that is not this process's own user.
 * @throws {SallyportError} UNREADABLE when it cannot be written.
 */
export function includeSshConfig(home: string, clientDir: string, owner: FileOwner | null): void {
  const { folder, file } = placesOf(home)
  try {
    const change = (): void => {
      const made = mkdirSync(folder, { recursive: true, mode: 0o700 })
      const before = existsSync(file) ? readFileSync(file, 'latin1') : null
      const found: SshConfigText =
        before === null ? { runs: [], made: made === undefined ? 'file' : 'folder', rest: '' } : readSshConfigText(before)
      write(file, before, [path.join(clientDir, SSH_CONFIG_FILE), ...livingRuns(found.runs)], found)
    }
    actingAs(owner, () => whileLocked(path.join(home, LOCK), change))
  } catch (cause) {
    throw new SallyportError('UNREADABLE', `${file} cannot be written, so plain ssh would not find its hosts`, { cause })
  }
}

/** Takes the piece out, and the file and folder too when they were made for runs and no other is left. Never throws; what others added stays. */
export function excludeSshConfig(home: string, clientDir: string, owner: FileOwner | null = null): void {
  const { folder, file } = placesOf(home)
  try {
    const change = (): void => {
      const before = readFileSync(file, 'latin1')
      const found = readSshConfigText(before)
      const own = path.join(clientDir, SSH_CONFIG_FILE)
      if (!found.runs.includes(own)) return
      const runs = livingRuns(found.runs.filter(other => other !== own))
      if (found.made === 'nothing' || runs.length > 0 || found.rest !== '') write(file, before, runs, found)
      else {
        rmSync(file)
        if (found.made === 'folder') rmdirSync(folder)
      }
    }
    actingAs(owner, () => whileLocked(path.join(home, LOCK), change))
  } catch {
    // The file is gone, or the folder holds something by now: nothing of ours is left to take out.
  }
}

function placesOf(home: string): { readonly folder: string; readonly file: string } {
  const folder = path.join(home, '.ssh')
  return { folder, file: path.join(folder, 'config') }
}

/** Without those of runs that were killed: what they include is gone, or nothing listens any more where it leads to. */
function livingRuns(runs: readonly string[]): readonly string[] {
  const listening = runs.length === 0 ? null : listeningPorts()
  return runs.filter(file => {
    if (!existsSync(file)) return false
    const port = doorSign(readFileSync(file, 'utf8'))?.port
    return port === undefined || listening === null || listening.has(port)
  })
}

/** In one step: a client, or a crash, finds the old text or the new one. What the old one has more becomes empty lines before it is cut. */
function write(file: string, before: string | null, runs: readonly string[], { made, rest }: SshConfigText): void {
  const known: readonly ConfiguredRun[] = runs.map(run => ({ file: run, sign: signOf(run) }))
  const text = Buffer.from(writeSshConfigText(known, made, rest), 'latin1')
  const handle = openSync(file, before === null ? 'wx' : 'r+', 0o600)
  try {
    writeSync(handle, Buffer.concat([text, Buffer.alloc(Math.max(0, (before?.length ?? 0) - text.length), '\n')]), 0, undefined, 0)
    ftruncateSync(handle, text.length)
  } finally {
    closeSync(handle)
  }
}

function signOf(file: string): ConfiguredRun['sign'] {
  try {
    return doorSign(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}
