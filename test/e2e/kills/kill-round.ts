// One gateway from its start to its end at a failpoint, with two clients that work through it, everything they saw and everything the target saw.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Client } from 'pg'
import { SallyportError } from '../../../gateway/core/errors.ts'
import { launchGateway } from '../../../gateway/control/launch.ts'
import { startByteLog } from './byte-log.ts'
import type { LoggedConnection } from './byte-log.ts'
import type { KillStage } from './kill-stage.ts'

const CLIENTS = 2
const TURNS = 4

export interface Round {
  readonly name: string
  /** How the gateway ended: `killed`, `finished`, or the code of what it said. */
  readonly end: string
  readonly out: string
  readonly audit: string
  readonly atTarget: readonly LoggedConnection[]
  readonly atClients: readonly LoggedConnection[]
}

/** @param failpoint what the gateway is armed with. @param isAsked true when a client runs something that needs an approval. */
export async function playRound(stage: KillStage, name: string, failpoint: string, isAsked: boolean): Promise<Round> {
  const out = path.join(stage.dir, name, 'rec')
  const audit = path.join(stage.dir, name, 'audit')
  mkdirSync(audit, { recursive: true })
  const target = await startByteLog(stage.postgres.host, stage.postgres.port)
  const logs = [target]
  let atClients: readonly LoggedConnection[] = []
  let end = 'not started'
  try {
    const launched = await launchGateway({ start: stage.start(failpoint), log: null, request: stage.request(target.port, out, audit) })
    const url = new URL(launched.ready.endpoints[0]!.url)
    const clients = await startByteLog('127.0.0.1', Number(url.port))
    logs.push(clients)
    atClients = clients.connections
    url.port = String(clients.port)
    await Promise.all(Array.from({ length: CLIENTS }, (_, index) => work(url.href, `${name}c${index}`, isAsked && index === 0)))
    const finished = await launched.finish('the round is over').then(
      () => 'finished',
      (error: unknown) => endOf(error),
    )
    await launched.ended
    end = finished
  } catch (error) {
    // Killed before it was ready, or refused to start.
    end = endOf(error)
  }
  for (const log of logs) {
    await log.idle()
    await log.stop()
  }
  return { name, end, out, audit, atTarget: target.connections, atClients }
}

/** How often each point was passed by a run that nobody ended. */
export async function countPasses(stage: KillStage): Promise<ReadonlyMap<string, number>> {
  const file = path.join(stage.dir, 'passes.json')
  const { end } = await playRound(stage, 'count', `count ${file}`, true)
  if (end !== 'finished' || !existsSync(file)) throw new Error(`a run that nobody ended ended with ${end}`)
  return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>))
}

/** Everyday work until the connection dies: simple, prepared, several statements in one message, masked rows; every text with a mark of its own. */
async function work(url: string, name: string, isAsked: boolean): Promise<void> {
  const client = new Client({ connectionString: url, application_name: name })
  client.on('error', () => undefined)
  try {
    await client.connect()
    for (let turn = 0; turn < TURNS; turn += 1) {
      const mark = `${name}n${turn}`
      await client.query(`INSERT INTO marks VALUES ('${mark}a')`)
      await client.query({ name: 'mark', text: 'INSERT INTO marks VALUES ($1)', values: [`${mark}b`] })
      await client.query(`SELECT id, name, email FROM customers WHERE id <= ${turn + 3} AND name <> '${mark}'`)
      await client.query(`INSERT INTO marks VALUES ('${mark}c'); SELECT id, email FROM customers WHERE id = 1 AND name <> '${mark}'`)
      if (isAsked && turn === 1) await client.query(`DELETE FROM carts /* ${mark} */`)
    }
    await client.end()
  } catch {
    // The gateway is gone, or the recording failed: that is the point.
  } finally {
    await client.end().catch(() => undefined)
  }
}

function endOf(error: unknown): string {
  if (!(error instanceof SallyportError)) return String(error)
  if (error.code !== 'GATEWAY_LOST') return error.code
  return error.why?.includes('killed at') === true ? 'killed' : `${error.message}: ${error.why ?? ''}`
}
