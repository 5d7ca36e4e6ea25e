// What `npm test` and `npm run demo` need on a new machine: packages when the lock file changed, and system packages.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')

/** System packages by the program that proves them. `needed by` is what the notice says is left out without them. */
const programs = [
  { program: 'psql', debian: 'postgresql-client', neededBy: 'tests with psql and pg_dump' },
  { program: 'pgbench', debian: 'postgresql-contrib', neededBy: 'tests and benchmarks with pgbench' },
  { program: 'chromium', debian: 'chromium', neededBy: 'tests of the replay page in a browser' },
  { program: 'age', debian: 'age', neededBy: 'tests of encrypted recordings against the age command' },
  { program: 'ssh', debian: 'openssh-client', neededBy: 'tests with ssh, scp and sftp' },
  { program: '/usr/sbin/sshd', debian: 'openssh-server', neededBy: 'tests with an ssh server' },
  { program: 'rsync', debian: 'rsync', neededBy: 'tests with rsync' },
  { program: 'ansible-playbook', debian: 'ansible-core', neededBy: 'tests with ansible' },
  { program: 'xauth', debian: 'xauth', neededBy: 'tests of X11 forwarding' },
  { program: 'kubectl', debian: 'kubernetes-client', neededBy: 'tests with kubectl' },
  { program: 'git', debian: 'git', neededBy: 'tests with git over ssh' },
  { program: 'pkill', debian: 'procps', neededBy: 'tests of `isolation: user`' },
  { program: 'strace', debian: 'strace', neededBy: 'tests of disks that fail' },
  { program: 'sudo', debian: 'sudo', neededBy: 'tests of `isolation: user`' },
  { program: 'initdb', debian: 'postgresql', neededBy: 'tests with pg_dump, which wants a server of its own age' },
  { module: 'psycopg', debian: 'python3-psycopg', neededBy: 'tests with psycopg' },
  { module: 'psycopg2', debian: 'python3-psycopg2', neededBy: 'tests with psycopg2' },
]

/** Installs npm packages when the lock file changed, and missing Debian packages where this user may. Idempotent. */
export function setUp({ system = true } = {}) {
  installPackages()
  if (system) installPrograms()
}

/** Path of Node 24: npm's own package, else the running Node when it is new enough. */
export function nodeOf() {
  const shipped = path.join(root, 'node_modules', '.bin', 'node')
  if (existsSync(shipped)) return shipped
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  throw new Error('no Node 24 for this platform comes with the packages: install Node 24 and run this again')
}

function installPackages() {
  const digest = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex')
  const stamp = path.join(root, 'node_modules', '.sallyport-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  process.stderr.write('set-up: installing packages (npm ci)\n')
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  mkdirSync(path.dirname(stamp), { recursive: true })
  writeFileSync(stamp, digest)
}

function installPrograms() {
  const missing = programs.filter(each => !isThere(each))
  if (missing.length === 0) return
  const names = [...new Set(missing.map(({ debian }) => debian))]
  if (process.getuid?.() === 0 && spawnSync('sh', ['-c', 'command -v apt-get']).status === 0) {
    process.stderr.write(`set-up: installing ${names.join(' ')} (apt-get)\n`)
    const options = { stdio: ['ignore', 'ignore', 'ignore'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
    spawnSync('apt-get', ['update', '-q'], options)
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...names], options)
  }
  for (const each of missing.filter(one => !isThere(one))) {
    process.stderr.write(
      `set-up: ${each.program ?? each.module} is missing (package ${each.debian}), so ${each.neededBy} are left out or fail\n`,
    )
  }
}

/** A program in PATH, or where Debian keeps PostgreSQL's; a module of Debian's own Python. */
function isThere({ program, module }) {
  if (module !== undefined) return spawnSync('/usr/bin/python3', ['-c', `import ${module}`]).status === 0
  return spawnSync('sh', ['-c', `command -v ${program} || ls /usr/lib/postgresql/*/bin/${program}`]).status === 0
}
