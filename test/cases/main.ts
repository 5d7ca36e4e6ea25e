// `npm run cases -- NAME… [--server VERSION]`: plays the case files, hostile and harmless, and prints what became of each class. The one runner for all of them.
import { parseArgs } from 'node:util'
import { playApprovals } from './approvals.ts'
import type { CaseRow } from './case-row.ts'
import { playHarmless } from './harmless.ts'
import { playKubernetes } from './kubernetes.ts'
import { playMask } from './mask.ts'
import { playOidc } from './oidc.ts'
import { playSql } from './sql.ts'
import { playSsh } from './ssh.ts'

const { values, positionals: names } = parseArgs({ options: { server: { type: 'string' } }, allowPositionals: true })
/** Major version of another PostgreSQL server to play the SQL cases against. */
const server = values.server === undefined ? null : Number(values.server)

const plays: Readonly<Record<string, () => Promise<readonly CaseRow[]>>> = {
  oidc: playOidc,
  approvals: playApprovals,
  sql: () => playSql(server),
  mask: playMask,
  kubernetes: playKubernetes,
  ssh: playSsh,
  harmless: playHarmless,
}

const unknown = names.filter(name => !Object.hasOwn(plays, name))
if (unknown.length > 0) {
  console.error(`there are no cases called ${unknown.join(', ')}; there are ${Object.keys(plays).join(', ')}`)
  process.exit(2)
}

let wrong = 0
for (const name of names.length === 0 ? Object.keys(plays) : names) {
  const rows = (await plays[name]?.()) ?? []
  const bad = rows.filter(row => !row.ok)
  wrong += bad.length
  console.log(`\n## ${name}: ${rows.length - bad.length} of ${rows.length} as expected\n`)
  console.log(table(rows))
  for (const row of rows) if (row.ok && row.note.startsWith('differs by choice')) console.log(`- ${row.id}: ${row.note}`)
  for (const row of bad) console.log(`- ${row.id}: expected ${row.expected}, got ${row.got}${row.note === '' ? '' : ` (${row.note})`}`)
}
process.exit(wrong === 0 ? 0 : 1)

/** How many of each expectation came out how. */
function table(rows: readonly CaseRow[]): string {
  const counts = new Map<string, { right: number; wrong: number }>()
  for (const { expected, got, ok } of rows) {
    const key = `${expected} | ${got}`
    const count = counts.get(key) ?? { right: 0, wrong: 0 }
    counts.set(key, ok ? { ...count, right: count.right + 1 } : { ...count, wrong: count.wrong + 1 })
  }
  const lines = [...counts]
    .toSorted(([first], [second]) => first.localeCompare(second))
    .map(([key, { right, wrong: differing }]) => `| ${key} | ${right} | ${differing} |`)
  return ['| expected | came out | as expected | not |', '|---|---|--:|--:|', ...lines].join('\n')
}
