// Real programs through the gateway: every backslash command of psql, pg_dump, pgbench in all its modes. What they send is in the recording.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { resultMaskDeskFor } from '../../gateway/engine/postgres/result-mask-desk.ts'
import { gatewayThat } from '../engine/postgres/gateway-that.ts'
import type { TestGateway } from '../engine/postgres/gateway-that.ts'
import { tallyOf } from './harmless-tally.ts'
import type { Guard, Tally } from './harmless-tally.ts'

export interface ProgramTarget {
  readonly name: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** The folder of programs as old as the server; without it only psql is played, as found in PATH. */
  readonly bin?: string
}

const run = promisify(execFile)

/** All that look something up; those that write files or start programs of their own are not of the server. */
const backslashes =
  String.raw`\d;\d+;\d orders;\d+ orders;\d+ customers;\d open_orders;\dS+ pg_class;\d customers_id_seq;\da;\dA+;\dAc+;\dAf+;\dAo+;\dAp+;\db+
  \dc+;\dconfig;\dC+;\dd;\dD+;\ddp;\dE+;\des+;\det+;\deu+;\dew+;\df+;\dFd+;\dF+;\dFp+;\dFt+;\dg+;\di+;\dl+;\dL+;\dm+;\dn+;\do+;\dO+;\dp;\dP+
  \dRp+;\dRs+;\drds;\ds+;\dt+;\dT+;\du+;\dv+;\dx+;\dX;\dy+;\l+;\z;\encoding;\conninfo;\sf total_of;\sv open_orders;\sf+ total_of;\lo_list
  \dT+ mood;\dx+ plpgsql;\dt *.*;\df pg_catalog.*size*`.split(/[;\n]\s*/)

/** @param create null = the server's only database is used. */
export async function playPrograms(
  target: ProgramTarget,
  schema: string,
  guards: (also: readonly string[]) => readonly Guard[],
  create: ((schema: string) => Promise<string>) | null,
): Promise<readonly Tally[]> {
  const database = create === null ? await fill(target, schema) : await create(schema)
  const tallies: Tally[] = []
  const play = async (group: string, also: readonly string[], work: (gateway: TestGateway) => Promise<void>): Promise<void> => {
    for (const guard of guards(also)) {
      const gateway = await gatewayThat({
        target: { port: target.port, user: target.user, password: target.password, database },
        policy: guard.policy,
        masker: guard.masker,
        engine: { maskDeskFor: resultMaskDeskFor },
      })
      try {
        await work(gateway)
        tallies.push(tallyOf(`${group} on ${target.name}`, guard.name, gateway))
      } finally {
        await gateway.stop()
      }
    }
  }
  const program = async (name: string, args: readonly string[], gateway: TestGateway): Promise<void> => {
    const file = target.bin === undefined ? name : `${target.bin}/${name}`
    // What a program makes of a refusal is its own affair; the recording counts.
    await run(file, [...args], { env: { ...process.env, ...gateway.env }, maxBuffer: 1 << 28 }).catch(() => {})
  }
  await play('psql', [], gateway => program('psql', ['-Xq', ...backslashes.flatMap(command => ['-c', command])], gateway))
  if (target.bin === undefined) return tallies
  await play('pg_dump --schema-only', [], gateway => program('pg_dump', ['--schema-only'], gateway))
  await play('pg_dump of two tables', [], gateway => program('pg_dump', ['-t', 'orders', '-t', 'order_items'], gateway))
  await play('pg_dump --inserts', [], gateway => program('pg_dump', ['--inserts', '-t', 'orders'], gateway))
  await play('pgbench -i', ['ddl', 'admin'], gateway => program('pgbench', ['-i', '-q', '-s', '1'], gateway))
  for (const mode of ['simple', 'extended', 'prepared']) {
    for (const script of ['tpcb-like', 'simple-update', 'select-only']) {
      await play(`pgbench -M ${mode} -b ${script}`, ['admin'], gateway =>
        program('pgbench', ['-M', mode, '-b', script, '-t', '20', '-c', '2', '-n'], gateway),
      )
    }
  }
  return tallies
}

async function fill(target: ProgramTarget, schema: string): Promise<string> {
  const client = new Client({ host: '127.0.0.1', port: target.port, user: target.user, password: target.password, database: 'postgres' })
  await client.connect()
  try {
    await client.query(schema)
  } finally {
    await client.end()
  }
  return 'postgres'
}
