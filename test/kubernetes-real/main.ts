// `npm run kubernetes:real`: a real kube-apiserver, real kubectl and helm against it, direct and through the gateway. Builds the server when
// it is not there yet (minutes, once); where that is not possible it says why, and nothing is played.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { findHelm } from './helm.ts'

const root = path.resolve(import.meta.dirname, '../..')
const LEFT_OUT = 3

const parts = spawnSync(path.join(root, 'tools/kubernetes-parts.sh'), { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
if (parts.status === LEFT_OUT) {
  process.stdout.write('kubernetes:real is left out: the real API server is not to be had here (the reason stands above)\n')
  process.exit(0)
}
if (parts.status !== 0) process.exit(1)
if (findHelm() === null) process.stdout.write('helm is not here (HELM names it, or PATH): its part is left out\n')

const bundles = mkdtempSync(path.join(os.tmpdir(), 'sallyport-bundles-'))
try {
  const built = spawnSync(process.execPath, [path.join(root, 'tools/build.mjs'), bundles], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (built.status !== 0) throw new Error('the bundles cannot be built')
  const named = process.argv.slice(2)
  const suites = readdirSync(import.meta.dirname)
    .filter(name => name.endsWith('.suite.ts') && (named.length === 0 || named.includes(name.replace('.suite.ts', ''))))
    .filter(name => name !== 'helm.suite.ts' || findHelm() !== null)
    .map(name => path.join(import.meta.dirname, name))
  if (suites.length === 0) throw new Error(`there is no such suite: ${named.join(', ')}`)
  const ran = spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...suites], {
    stdio: 'inherit',
    env: { ...process.env, SALLYPORT_BUNDLES: bundles },
  })
  process.exitCode = ran.status ?? 1
} finally {
  rmSync(bundles, { recursive: true, force: true })
}
