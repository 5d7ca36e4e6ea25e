// `npm run transparency [-- TESTS…]`: PostgreSQL's own regression suite and its tests of pipelines (`pipelines`), direct and through a gateway that allows everything.
// The suite's expected files belong to another build of the server, so some tests fail either way: what counts is that both runs print the same.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gatewayThat } from '../../engine/postgres/gateway-that.ts'
import { everything } from '../../cases/sql-policy.ts'
import { installedPrograms, startInstalled } from '../installed-postgres.ts'
import { fetchSuite } from './suite-source.ts'
import { runPipelines } from './pipeline-run.ts'
import { makeDatabase, runSuite } from './suite-run.ts'

const bin = installedPrograms()
if (bin === null) {
  print('transparency: left out, because no PostgreSQL server is installed (Debian: postgresql).')
  process.exit(0)
}
const wanted = process.argv.slice(2)
const tests = wanted.filter(name => name !== 'pipelines')
const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-transparency-'))
chmodSync(dir, 0o755)
let differing = 0
try {
  const suite = await fetchSuite(bin, dir)
  const printed: Record<'direct' | 'gateway', string> = { direct: path.join(dir, 'direct'), gateway: path.join(dir, 'gateway') }
  for (const way of ['direct', 'gateway'] as const) {
    const server = await startInstalled(bin, 'trust')
    const login = { port: server.port, user: server.user, password: server.password, database: 'regression' }
    const gateway = way === 'direct' ? null : await gatewayThat({ target: login, policy: everything })
    try {
      const startedMs = performance.now()
      const env = gateway?.env ?? { PGHOST: '127.0.0.1', PGPORT: `${server.port}`, PGUSER: server.user, PGSSLMODE: 'disable' }
      await makeDatabase(bin, server.port)
      if (wanted.length === 0 || tests.length > 0) {
        const outcome = await runSuite({ suite, bin, env, out: printed[way], tests })
        print(`${way}: ${outcome}; ${Math.round((performance.now() - startedMs) / 1000)} s`)
      }
      if (suite.pipelines === null || (wanted.length > 0 && !wanted.includes('pipelines'))) continue
      const pipelines = await runPipelines(suite.pipelines, { PGDATABASE: 'regression', ...env }, printed[way])
      print(`${way}: pipelines: ${pipelines.failed} of ${pipelines.tests} tests failed`)
    } finally {
      await gateway?.stop()
      await server.stop()
    }
  }
  const names = new Set(Object.values(printed).flatMap(folder => readdirSync(path.join(folder, 'results'))))
  print('\n| test | direct and gateway |\n|---|---|')
  for (const name of [...names].toSorted()) {
    const [plain, passed] = [printed.direct, printed.gateway].map(folder => path.join(folder, 'results', name)) as [string, string]
    const isSame = existsSync(plain) && existsSync(passed) && readFileSync(plain).equals(readFileSync(passed))
    if (isSame) continue
    differing += 1
    print(`| ${name} | differ |`)
    print(spawnSync('diff', ['-u', plain, passed], { encoding: 'utf8' }).stdout.slice(0, 4000))
  }
  print(`| all ${names.size} | ${names.size - differing} are byte-identical, ${differing} differ |`)
  const kept = process.env['TRANSPARENCY_OUT']
  if (kept !== undefined) {
    mkdirSync(kept, { recursive: true })
    writeFileSync(path.join(kept, 'comparison.txt'), `${names.size - differing} of ${names.size} identical\n`)
    execFileSync('cp', ['-r', printed.direct, printed.gateway, kept])
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
process.exitCode = differing === 0 ? 0 : 1

function print(words: string): void {
  process.stdout.write(`${words}\n`)
}
