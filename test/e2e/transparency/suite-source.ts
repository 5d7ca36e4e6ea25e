// PostgreSQL's regression suite from Debian's source package of the installed version, unpacked and built in a folder of its own.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export interface Suite {
  /** Holds sql/, expected/, data/ and the schedule. */
  readonly inputs: string
  /** Holds regress.so, where the server's headers are installed to build it, and its like; the server reads them. */
  readonly libraries: string
  /** The program that tries pipelines, built; null without a compiler or headers. */
  readonly pipelines: string | null
}

/** What is built needs these; the server itself is there already. */
const packages = ['gcc', 'libc6-dev', 'libpq-dev'] as const

/** The archive that this machine's own packages come from, asked for sources. */
function sourceList(): string {
  const [uri] = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Codename: bookworm', 'Created-By: Packages'], {
    encoding: 'utf8',
  }).split('\n')
  if (uri === undefined || uri === '') throw new Error('apt knows no archive of Debian 12')
  return `deb-src ${uri} bookworm main\n`
}

/** @param bin programs of the installed server, `…/15/bin`. @throws {Error} when there is no network or no such source. */
export async function fetchSuite(bin: string, dir: string): Promise<Suite> {
  const version = path.basename(path.dirname(bin))
  const parts = path.join(dir, 'apt')
  mkdirSync(path.join(parts, 'lists', 'partial'), { recursive: true })
  mkdirSync(path.join(parts, 'sources'))
  writeFileSync(path.join(parts, 'sources', 'source.list'), sourceList())
  const settings = ['Dir::Etc::sourcelist=/dev/null', `Dir::Etc::sourceparts=${parts}/sources`, `Dir::State::lists=${parts}/lists`]
  const own = ['-q', ...settings.flatMap(one => ['-o', one])]
  const run = (program: string, args: readonly string[], cwd = dir): string =>
    execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  run('apt-get', [...own, 'update'])
  run('apt-get', [...own, '--download-only', 'source', `postgresql-${version}`])
  const tarball = readdirSync(dir).find(name => /\.orig\.tar\.\w+$/.test(name))
  if (tarball === undefined) throw new Error(`the source of postgresql-${version} was not found`)
  installTools(version)
  run('tar', ['xf', tarball, '--wildcards', '*/src/test/regress', '*/src/test/modules/libpq_pipeline'])
  const source = path.join(dir, readdirSync(dir).find(name => /^postgresql-[\d.]+$/.test(name)) ?? '')
  const libraries = path.join(dir, 'libraries')
  mkdirSync(libraries)
  const headers = `/usr/include/postgresql/${version}/server`
  const pipelines = path.join(dir, 'libpq_pipeline')
  if (existsSync(headers)) {
    run(
      'gcc',
      ['-O2', '-fPIC', '-shared', `-I${headers}`, '-o', path.join(libraries, 'regress.so'), 'regress.c'],
      path.join(source, 'src/test/regress'),
    )
    const own = `-L${path.join(path.dirname(bin), 'lib')}`
    run(
      'gcc',
      ['-O1', `-I${headers}`, '-I/usr/include/postgresql', 'libpq_pipeline.c', '-o', pipelines, own, '-lpgcommon', '-lpgport', '-lpq'],
      path.join(source, 'src/test/modules/libpq_pipeline'),
    )
  }
  for (const name of ['refint.so', 'autoinc.so']) {
    const installed = path.join(path.dirname(bin), 'lib', name)
    if (existsSync(installed)) copyFileSync(installed, path.join(libraries, name))
  }
  execFileSync('chmod', ['-R', 'a+rX', dir])
  return { inputs: path.join(source, 'src/test/regress'), libraries, pipelines: existsSync(pipelines) ? pipelines : null }
}

/** The server's headers and a compiler, where this user may install them; it says so. */
function installTools(version: string): void {
  const needed = [`postgresql-server-dev-${version}`, ...packages]
  if (existsSync(`/usr/include/postgresql/${version}/server`) && existsSync('/usr/bin/gcc')) return
  process.stdout.write(`transparency: installing ${needed.join(' ')} (apt-get)\n`)
  const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  spawnSync('apt-get', ['update', '-q'], options)
  if (spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...needed], options).status !== 0)
    process.stdout.write('transparency: they could not be installed: tests that need regress.so fail either way, pipelines are left out\n')
}
