// Lets a user's own ssh configuration know the run's hosts: one marked block at its top, taken out again at the end.
// The file itself is written in place: links, owner, mode and every other byte stay as they were found.
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { SallyportError } from '../core/errors.ts'
import type { FileOwner } from './client-files.ts'
import { SSH_CONFIG_FILE } from './ssh-door.ts'

/**
 * Adds the block. OpenSSH takes the home of the password database, not $HOME.
 * @param owner of a file that has to be made, where that is not this process's own user.
 * @throws {SallyportError} UNREADABLE when it cannot be written.
 */
export function includeSshConfig(home: string, clientDir: string, owner: FileOwner | null): void {
  const { folder, file } = placesOf(home)
  try {
    if (!existsSync(folder)) {
      mkdirSync(folder, { mode: 0o700 })
      if (owner !== null) chownSync(folder, owner.uid, owner.gid)
    }
    const before = existsSync(file) ? readFileSync(file, 'latin1') : null
    const found = before === null ? '' : withoutStale(before)
    // Made for a run that was killed, and for nothing else: then it is as if it had never been there.
    const isNew = before === null || (found === '' && before.includes(MADE))
    writeFileSync(file, blockOf(clientDir, isNew) + found, { encoding: 'latin1', mode: 0o600 })
    if (before === null && owner !== null) chownSync(file, owner.uid, owner.gid)
  } catch (cause) {
    throw new SallyportError('UNREADABLE', `${file} cannot be written, so plain ssh would not find its hosts`, { cause })
  }
}

/** Takes the block out, and the file and folder too when they were made for it. Never throws; what others added stays. */
export function excludeSshConfig(home: string, clientDir: string): void {
  const { folder, file } = placesOf(home)
  try {
    const found = readFileSync(file, 'latin1')
    const made = blockOf(clientDir, true)
    const wasNew = found.includes(made)
    const rest = found.replace(wasNew ? made : blockOf(clientDir, false), '')
    if (rest === found) return
    if (wasNew && rest === '') {
      rmSync(file)
      rmdirSync(folder)
    } else writeFileSync(file, wasNew ? passedOn(rest) : rest, 'latin1')
  } catch {
    // The file is gone, or the folder holds something by now: nothing of ours is left to take out.
  }
}

function placesOf(home: string): { readonly folder: string; readonly file: string } {
  const folder = path.join(home, '.ssh')
  return { folder, file: path.join(folder, 'config') }
}

const MADE = ' (made for it)'

const BLOCK = /# begin sallyport(?: \(made for it\))?: for this run only\nInclude "([^"\n]+)"\n# end sallyport\n/g

/** The text without blocks of runs that were killed: the file that each includes is gone. */
function withoutStale(text: string): string {
  const rest = text.replaceAll(BLOCK, (whole, included: string) => (existsSync(included) ? whole : ''))
  return text.includes(MADE) && !rest.includes(MADE) ? passedOn(rest) : rest
}

/** Where only blocks of other runs are left in a file that was made for one, the last of them takes it away. */
function passedOn(rest: string): string {
  if (rest === '' || rest.replaceAll(BLOCK, '') !== '') return rest
  const at = rest.lastIndexOf('# begin sallyport') + '# begin sallyport'.length
  return rest.slice(0, at) + MADE + rest.slice(at)
}

function blockOf(clientDir: string, isNew: boolean): string {
  return `# begin sallyport${isNew ? MADE : ''}: for this run only\nInclude "${path.join(clientDir, SSH_CONFIG_FILE)}"\n# end sallyport\n`
}
