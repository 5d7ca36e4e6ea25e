// `npm run check`: types, lint with type-aware rules, format, dead code. Every check runs; one failure fails the whole.
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const bin = path.resolve(import.meta.dirname, '..', 'node_modules', '.bin')
const checks = [
  ['tsc', '-p', '.'],
  ['tsc', '-p', 'viewer'],
  ['oxlint', '--type-aware', '--deny-warnings'],
  ['oxfmt', '--check'],
  ['knip', '--no-progress'],
]
let failed = false
for (const [program, ...args] of checks) {
  const { status } = spawnSync(path.join(bin, program), args, { stdio: 'inherit' })
  process.stderr.write(`check: ${program} ${status === 0 ? 'passed' : 'FAILED'}\n`)
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
