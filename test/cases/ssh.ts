// Plays command lines against a real sshd, with a policy that allows a list of harmless programs: what is risky must not run unasked, and
// leave a scratch folder as it was; what is harmless runs with the output it has directly. Lines of our own, each of which changes the folder
// where it runs, meet a policy that allows far more programs.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import ssh2 from 'ssh2'
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
    return [...played, ...(await playEffects(sshd))]
  } finally {
    await gateway.stop()
    await sshd.stop()
    rmSync(SCRATCH, { recursive: true, force: true })
  }
}

/** Programs that are allowed by name for the lines of our own: their arguments are what is hostile. */
const WIDE = `ls cat echo grep test [ true false head tail wc sleep printf date sed sort find tar curl systemctl nice nohup xargs sh bash dash rbash command tee dd
  read export cd uniq id : uname df env timeout kubectl base64 git awk setsid stdbuf ionice taskset chrt flock time exec builtin sudo ssh scp rsync split iconv xxd shuf gzip
  csplit openssl python3 set unset let declare prlimit choom setarch linux64 i386 nc select mapfile trap source . eval enable hash shopt`

interface Effect {
  readonly id: string
  readonly command: string
  readonly class: string
}

async function playEffects(sshd: SshServer): Promise<readonly CaseRow[]> {
  const rows = readFileSync(path.join(import.meta.dirname, 'ssh-effects.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Effect)
  const programs = WIDE.split(/\s+/)
  const gateway = await sshGatewayThat({
    sshd,
    rules: [`{ name: wide, ssh: { requests: [exec], programs: ${JSON.stringify(programs)} }, then: allow }`],
  })
  const client = new ssh2.Client()
  try {
    client.connect({ host: '127.0.0.1', port: gateway.port, username: sshd.user, password: gateway.ticket })
    await once(client, 'ready')
    const played: CaseRow[] = []
    for (const { id, command, class: note } of rows) {
      setScratch()
      const before = scratchDigest()
      const status = await statusOf(client, command)
      const isUntouched = scratchDigest() === before
      const got = status !== 126 ? 'ran' : isUntouched ? 'not run' : 'not run, but the folder changed'
      played.push({ id, expected: 'not run', got, ok: got === 'not run', note })
    }
    return played
  } finally {
    client.end()
    await gateway.stop()
  }
}

function statusOf(client: ssh2.Client, command: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error !== undefined) {
        reject(error)
        return
      }
      let status: number | null = null
      channel.on('exit', (code: number | null) => (status = code))
      channel.resume().stderr.resume()
      channel.once('close', () => resolve(status))
      channel.end()
    })
  })
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
