// What a gateway finds out about its own process before it fetches a credential. Never trusts who started it: the wrong tool
// (`setpriv --reuid` by root, a tracer, a preloaded library) looks the same from outside and leaves the memory open.
import { readFileSync, statSync } from 'node:fs'
import { SallyportError } from '../../core/errors.ts'

export interface Expected {
  readonly isolation: 'user' | 'none'
  /** Flags Node may have been started with. */
  readonly flags: readonly string[]
}

/** What is known of a process. A field is null where this platform does not say. */
export interface Process {
  readonly platform: string
  readonly uid: number | null
  readonly groups: readonly number[]
  readonly flags: readonly string[]
  /** Names of the variables that change how Node or the loader behave. */
  readonly variables: readonly string[]
  /** Owner of /proc/self/mem: root when the process is not dumpable. */
  readonly memoryOwner: number | null
  readonly status: string | null
  readonly limits: string | null
  readonly maps: string | null
  /** The Node binary and the script. */
  readonly programs: readonly string[]
  ownerOf(file: string): { readonly uid: number; readonly mode: number } | null
}

/**
 * Judges this process: `user` must hold in every point, `none` is only described.
 *
 * @returns warnings for `none`; empty for `user`.
 * @throws {SallyportError} ISOLATION_IMPOSSIBLE naming every point that does not hold.
 */
export function selfCheck(expected: Expected, self: Process = thisProcess()): readonly string[] {
  if (expected.isolation === 'none') {
    return [
      "isolation: none. The gateway runs as the job's own user: it guards against accidents and leaks, not against a hostile job, which can read the gateway's memory",
    ]
  }
  const findings = findingsIn(self, expected)
  if (findings.length === 0) return []
  throw new SallyportError('ISOLATION_IMPOSSIBLE', `the gateway is not out of the job's reach: ${findings.join('; ')}`, {
    why: '`isolation: user` promises that no other process of the job can read the gateway, so it does not start half-shielded',
    fix: 'use a Linux runner with sudo, `gateway-url`, or `isolation: none` for a guard rail',
  })
}

/** SIGUSR1 opens Node's inspector, and the inspector reads everything: a handler of our own takes its place. Call it first of all. */
export function guardProcess(): void {
  process.on('SIGUSR1', () => undefined)
}

function findingsIn(self: Process, expected: Expected): string[] {
  if (self.platform !== 'linux') return [`this platform (${self.platform}) has no way to check it`]
  const findings: string[] = []
  const expect = (holds: boolean, finding: string): void => {
    if (!holds) findings.push(finding)
  }
  expect(self.uid !== null && self.uid !== 0, 'it runs as root')
  expect(self.memoryOwner === 0, 'its memory is readable (the process is dumpable)')
  expect(fieldOf(self.status, 'TracerPid') === '0', 'it is being traced')
  for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) {
    expect(/^0+$/.test(fieldOf(self.status, set) ?? ''), `it holds capabilities (${set})`)
  }
  expect(!self.groups.includes(0), 'it belongs to the group root')
  expect(/^Max core file size\s+0\s+0\s/m.test(self.limits ?? ''), 'it may leave a core file')
  expect(
    self.flags.every(flag => expected.flags.includes(flag)),
    'Node was started with flags that are not ours',
  )
  expect(self.variables.length === 0, `variables steer it: ${self.variables.join(', ')}`)
  const foreign = self.maps === null ? ['/proc/self/maps'] : librariesIn(self.maps).filter(file => !isRoots(file, self))
  expect(foreign.length === 0, `code is loaded that not only root may write: ${foreign.join(', ')}`)
  for (const program of self.programs) expect(isRoots(program, self), `not only root may write ${program}`)
  return findings
}

function fieldOf(status: string | null, name: string): string | null {
  return new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status ?? '')?.[1] ?? null
}

/** Files mapped as code. A deleted one stands under a name that no longer exists, so it counts as foreign. */
function librariesIn(maps: string): string[] {
  const files = maps.split('\n').flatMap(line => /^\S+ ..x. \S+ \S+ \S+\s+(\/.*)$/.exec(line)?.[1] ?? [])
  return [...new Set(files)]
}

/** Owned by root, and writable by nobody else. */
function isRoots(file: string, self: Process): boolean {
  const found = self.ownerOf(file)
  return found !== null && found.uid === 0 && (found.mode & 0o022) === 0
}

function thisProcess(): Process {
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? null,
    groups: [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])],
    flags: process.execArgv,
    variables: Object.keys(process.env).filter(name => /^(NODE_|LD_|DYLD_|SSL_CERT|OPENSSL_|GCONV_PATH|MALLOC_)/.test(name)),
    memoryOwner: ownerOf('/proc/self/mem')?.uid ?? null,
    status: textOf('/proc/self/status'),
    limits: textOf('/proc/self/limits'),
    maps: textOf('/proc/self/maps'),
    programs: [process.execPath, process.argv[1] ?? ''],
    ownerOf,
  }
}

function ownerOf(file: string): { uid: number; mode: number } | null {
  try {
    const { uid, mode } = statSync(file)
    return { uid, mode }
  } catch {
    return null
  }
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
