// A stand-in for psql on machines without it: one statement, its rows, notices and errors in psql's words.
import { Client } from 'pg'
import type { QueryArrayResult } from 'pg'

const client = new Client({ types: { getTypeParser: () => (text: string) => text } })
client.on('notice', notice =>
  process.stderr.write(`NOTICE:  ${notice.message ?? ''}\n${notice.hint === undefined ? '' : `HINT:  ${notice.hint}\n`}`),
)
try {
  await client.connect()
  const answer = (await client.query({ text: process.argv[2] ?? '', rowMode: 'array' })) as unknown as QueryArrayResult | QueryArrayResult[]
  const last = Array.isArray(answer) ? answer.at(-1) : answer
  const rows = (last?.rows ?? []) as (string | null)[][]
  if (rows.length > 0) process.stdout.write(`${(last?.fields ?? []).map(({ name }) => name).join(' | ')}\n`)
  for (const row of rows) process.stdout.write(`${row.map(cell => cell ?? '').join(' | ')}\n`)
  if (rows.length === 0) process.stdout.write(`${last?.command ?? ''} ${String(last?.rowCount ?? '')}\n`)
} catch (error) {
  const { message, detail, hint } = error as { message: string; detail?: string; hint?: string }
  process.stderr.write(
    `ERROR:  ${message}\n${detail === undefined ? '' : `DETAIL:  ${detail}\n`}${hint === undefined ? '' : `HINT:  ${hint}\n`}`,
  )
  process.exitCode = 1
} finally {
  await client.end().catch(() => undefined)
}
