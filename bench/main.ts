// `npm run bench`: every table, one after the other; `npm run bench -- recording` only the one.
import { loadSqlParser } from '../gateway/command/sql/parser.ts'
import { benchKubernetes } from './kubernetes.ts'
import { benchMasks } from './masks.ts'
import { benchPostgres } from './postgres.ts'
import { benchRecording } from './recording.ts'
import { benchReplayPage } from './replay-page.ts'
import { benchSql } from './sql.ts'
import { benchSsh } from './ssh.ts'

const benches: Readonly<Record<string, () => Promise<void>>> = {
  postgres: benchPostgres,
  sql: benchSql,
  masks: async () => {
    await loadSqlParser()
    benchMasks()
  },
  recording: () => benchRecording(),
  page: () => benchReplayPage(),
  ssh: () => benchSsh(),
  kubernetes: benchKubernetes,
}
const wanted = process.argv.slice(2)
for (const name of wanted.length === 0 ? Object.keys(benches) : wanted) {
  const bench = benches[name]
  if (bench === undefined) throw new Error(`there is no benchmark ${name}; there are ${Object.keys(benches).join(', ')}`)
  await bench()
}
