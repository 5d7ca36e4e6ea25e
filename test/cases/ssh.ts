// Plays command lines against a real sshd, with a policy that allows a list of harmless programs: what is risky must not run unasked, and
// leave a scratch folder as it was; what is harmless runs with the output it has directly.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { startSshd } from '../../world/sshd/server.ts'
import type { SshServer } from '../../world/sshd/server.ts'
import { runProgram, sshGatewayThat } from '../engine/ssh/gateway-that.ts'
import type { SshGateway, SshRan } from '../engine/ssh/gateway-that.ts'
import type { CaseRow } from './case-row.ts'

/** Named in the cases themselves. */
const SCRATCH = '/tmp/ssh-bypass-scratch'

interface Row {
  readonly id: string
  readonly command: string
  readonly risky: boolean | 'undecidable'
  readonly effective: readonly string[]
  readonly note: string
}

export async function playSsh(): Promise<readonly CaseRow[]> {
  const rows = readFileSync(path.join(import.meta.dirname, 'ssh-bypass.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Row)
  const harmless = [...new Set(rows.filter(({ risky }) => risky === false).flatMap(({ effective }) => effective))].filter(
    name => !/[*?]/.test(name),
  )
  const sshd = await startSshd()
  const gateway = await sshGatewayThat({
    sshd,
    rules: [
      `{ name: harmless, ssh: { requests: [exec], programs: ${JSON.stringify(harmless)} }, then: allow }`,
      '{ name: looking, ssh: { requests: [sftp], operations: [read, list] }, then: allow }',
    ],
  })
  try {
    const played: CaseRow[] = []
    for (const row of rows) played.push(await play(row, gateway, sshd))
    return played
  } finally {
    await gateway.stop()
    await sshd.stop()
    rmSync(SCRATCH, { recursive: true, force: true })
  }
}

async function play(row: Row, gateway: SshGateway, sshd: SshServer): Promise<CaseRow> {
  setScratch()
  const before = scratchDigest()
  const through = await gateway.ssh(row.command)
  const isUntouched = scratchDigest() === before
  const { id, note } = row
  if (row.risky !== false) {
    const got = through.status !== 126 ? 'ran' : isUntouched ? 'not run' : 'not run, but the folder changed'
    return { id, expected: 'not run', got, ok: got === 'not run', note }
  }
  setScratch()
  const direct = await directly(sshd, row.command)
  const isEqual = direct.status === through.status && sameText(direct, through)
  return {
    id,
    expected: 'as directly',
    got: isEqual ? 'as directly' : `status ${through.status}, directly ${direct.status}`,
    ok: isEqual,
    note,
  }
}

const plain = ({ stdout }: SshRan): string =>
  stdout
    .toString()
    .replaceAll(/^SSH_(?:CLIENT|CONNECTION)=.*$/gm, '')
    .replaceAll(/\d+/g, '0')

/** Free space, and what belongs to the one connection, differ from call to call. */
function sameText(one: SshRan, other: SshRan): boolean {
  return plain(one) === plain(other)
}

async function directly(sshd: SshServer, command: string): Promise<SshRan> {
  const key = path.join(sshd.dir, 'login')
  const known = path.join(sshd.dir, 'known')
  writeFileSync(known, `target ${sshd.hostKey}\n`)
  const options = ['HostKeyAlias=target', `UserKnownHostsFile=${known}`, 'IdentitiesOnly=yes', 'LogLevel=ERROR'].flatMap(option => [
    '-o',
    option,
  ])
  return runProgram('ssh', ['-F', 'none', '-n', ...options, '-i', key, '-p', String(sshd.port), `${sshd.user}@127.0.0.1`, command], null)
}

function setScratch(): void {
  rmSync(SCRATCH, { recursive: true, force: true })
  mkdirSync(SCRATCH)
  writeFileSync(path.join(SCRATCH, 'victim'), 'still here\n')
}

function scratchDigest(): string {
  if (!existsSync(SCRATCH)) return 'gone'
  const names = readdirSync(SCRATCH).toSorted()
  const parts = names.map(name => [name, statSync(path.join(SCRATCH, name)).mode, readFileSync(path.join(SCRATCH, name), 'utf8')])
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
