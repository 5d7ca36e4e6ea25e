// kill -9 of the gateway at random moments: whatever reached the server is in the recording. 100 rounds, several clients each.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { plainStart } from '../../gateway/control/gateway-start.ts'
import { launchGateway } from '../../gateway/control/launch.ts'
import { recoverRunLog } from '../../gateway/record/recover.ts'
import { openExecStage, root, type ExecStage } from './exec-stage.ts'

const ROUNDS = 100
const AT_ONCE = 4
const CLIENTS = 3
const MOST_ANSWERS = 60

describe('a gateway that is killed', () => {
  let stage: ExecStage
  before(async () => {
    stage = await openExecStage()
    await stage.postgres.query(stage.database, 'CREATE TABLE marks (round int, mark text); GRANT ALL ON marks TO ci')
  })
  after(() => stage.close())

  it(`lost nothing of what it forwarded, in ${ROUNDS} rounds`, async () => {
    const policy = readFileSync(stage.writePolicy(), 'utf8')
    let reached = 0
    for (let first = 0; first < ROUNDS; first += AT_ONCE) {
      const rounds = Array.from({ length: AT_ONCE }, (_, index) => first + index)
      for (const { inServer, inRecording, round } of await Promise.all(rounds.map(each => play(each, policy)))) {
        const unrecorded = inServer.filter(mark => !inRecording.has(mark))
        assert.deepEqual(unrecorded, [], `round ${round}: statements reached the server that are not in the recording`)
        reached += inServer.length
      }
    }
    assert.ok(reached > ROUNDS, `only ${reached} statements reached the server: the test would see no loss`)
  })

  /** Starts a gateway, lets clients write marks, kills it at a random moment. */
  async function play(round: number, policy: string): Promise<{ round: number; inServer: string[]; inRecording: Set<string> }> {
    const out = path.join(stage.dir, `round-${round}`)
    const launched = await launchGateway({
      start: plainStart(path.join(root, 'dist/gateway.mjs'), null),
      log: null,
      request: stage.launchRequest(out, policy),
    })
    const [endpoint] = launched.ready.endpoints
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(endpoint?.url ?? '')))
    // After so many answers, and at any point of what comes next: a moment that no load of the machine can move.
    let left = Math.floor(Math.random() * MOST_ANSWERS)
    const kill = (): void => void process.kill(launched.ready.pid, 'SIGKILL')
    const onAnswer = (): void => {
      if (left === 0) setTimeout(kill, Math.random() * 3)
      left -= 1
    }
    await Promise.all(clients.map((client, index) => writeMarks(client, round, index, onAnswer)))
    await launched.ended
    const rows = await stage.postgres.query(stage.database, `SELECT mark FROM marks WHERE round = ${round}`)
    return { round, inServer: rows.map(([mark]) => mark ?? ''), inRecording: await marksIn(out) }
  }
})

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Inserts as fast as it can until the connection dies; by turns simple and prepared. */
async function writeMarks(client: Client, round: number, index: number, onAnswer: () => void): Promise<void> {
  try {
    for (let n = 0; ; n += 1) {
      const mark = `r${round}c${index}n${n}`
      if (n % 2 === 0) await client.query(`INSERT INTO marks VALUES (${round}, '${mark}')`)
      else await client.query({ name: 'mark', text: 'INSERT INTO marks VALUES ($1, $2)', values: [round, mark] })
      onAnswer()
    }
  } catch {
    // The gateway is gone: that is the point.
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** The marks in all commands of a log that was cut off. */
async function marksIn(out: string): Promise<Set<string>> {
  await recoverRunLog(out)
  const text = readFileSync(path.join(out, 'events.jsonl'), 'utf8')
  return new Set(text.match(/r\d+c\d+n\d+/g))
}
