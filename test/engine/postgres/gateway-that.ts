// A gateway for tests: the real engine, the real front desk and gate, a policy and people that answer as told, a recording in memory.
import { systemClock } from '../../../gateway/core/clock.ts'
import type { Command, SqlCommand } from '../../../gateway/core/command.ts'
import type { Connection } from '../../../gateway/core/connection.ts'
import type { Decision } from '../../../gateway/core/decision.ts'
import type { Masker } from '../../../gateway/core/masker.ts'
import type { Policy } from '../../../gateway/core/policy.ts'
import type { Recorder } from '../../../gateway/core/recorder.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { createPostgresEngine } from '../../../gateway/engine/postgres/engine.ts'
import type { PostgresEngineOptions } from '../../../gateway/engine/postgres/engine.ts'
import { openFrontDesk } from '../../../gateway/session/front-desk.ts'
import { newTicket } from '../../../gateway/session/ticket.ts'
import { dba, identity, noMasks, policyThat, run } from '../../session/samples.ts'
import { openDoor } from '../../session/engine-door.ts'
import { MemoryRecorder } from '../../session/memory-recorder.ts'
import { People } from '../../session/people.ts'

export { approved, expired, People, rejected } from '../../session/people.ts'

export interface GatewaySettings {
  readonly target: {
    readonly port: number
    readonly user: string
    readonly password: string
    readonly database: string
    readonly host?: string
  }
  /** Left out: everything is allowed. */
  readonly decide?: (command: SqlCommand) => 'allow' | 'deny' | 'ask'
  /** A policy of its own, with a connection called `orders-db`; then `decide` is not asked. */
  readonly policy?: Policy
  readonly masker?: Masker
  readonly tls?: Connection['tls']
  readonly engine?: Partial<PostgresEngineOptions>
  /** Takes the place of the recording in memory. */
  readonly log?: Recorder
}

export interface TestGateway {
  readonly port: number
  readonly ticket: string
  readonly recorder: MemoryRecorder
  readonly people: People
  /** Environment of a libpq client. */
  readonly env: Readonly<Record<string, string>>
  readonly login: { readonly port: number; readonly password: string; readonly database: string }
  /** Texts of the commands that were recorded, in order. */
  texts(): readonly string[]
  stop(): Promise<void>
}

export async function gatewayThat(settings: GatewaySettings): Promise<TestGateway> {
  const { target } = settings
  const connection: Connection = {
    name: 'orders-db',
    protocol: 'postgres',
    host: target.host ?? '127.0.0.1',
    port: target.port,
    user: target.user,
    credential: { scheme: 'env', source: 'env', path: 'X', params: {}, field: null, text: 'env://X' },
    tls: settings.tls ?? { mode: 'disable', ca: null },
    database: target.database,
    hostKeys: [],
    groups: ['release'],
  }
  const decide = settings.decide ?? ((): 'allow' => 'allow')
  const recorder = new MemoryRecorder()
  const people = new People()
  const ticket = newTicket()
  const desk = openFrontDesk({
    connection,
    ticket,
    identity,
    run,
    policy: settings.policy ?? policyThat(command => decisionOf(decide, command)),
    masker: settings.masker ?? noMasks,
    recorder: settings.log ?? recorder,
    approvals: people,
    leases: {
      borrow: async () => ({
        username: target.user,
        kind: 'password',
        secret: new Secret(target.password),
        certificate: null,
        expiresAt: null,
        receipt: 'env://X',
      }),
    },
    clock: systemClock,
    keptRows: 100,
  })
  const engine = createPostgresEngine({ ...settings.engine })
  const door = await openDoor(engine, desk)
  const { port } = door
  return {
    port,
    ticket,
    recorder,
    people,
    env: {
      PGHOST: '127.0.0.1',
      PGPORT: `${port}`,
      PGUSER: 'anybody',
      PGPASSWORD: ticket,
      PGDATABASE: target.database,
      PGSSLMODE: 'disable',
      PGCONNECT_TIMEOUT: '60',
    },
    login: { port, password: ticket, database: target.database },
    texts: () => recorder.of('command').map(({ text }) => text),
    async stop() {
      await door.close()
    },
  }
}

function decisionOf(decide: (command: SqlCommand) => 'allow' | 'deny' | 'ask', command: Command): Decision {
  if (command.protocol !== 'postgres') throw new Error('not a statement')
  const outcome = decide(command)
  if (outcome === 'ask') return { outcome, rule: 'asks', because: null, approvers: dba }
  return { outcome, rule: outcome === 'allow' ? 'allows' : 'no-writes', because: outcome === 'allow' ? null : 'Nothing is written here.' }
}
