// The demo's host: a real OpenSSH server and client, where they are installed. Its key is known to the gateway only.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Shop } from '../github/shop.ts'
import { startSshd } from '../sshd/server.ts'
import type { SshServer } from '../sshd/server.ts'
import { answerByPerson, waitForRequest } from './answer.ts'
import { runJob, type JobEnvironment } from './job.ts'
import { must, quote, say, step } from './screen.ts'

export interface Host {
  readonly server: SshServer
  /** What a restart leaves behind. */
  readonly mark: string
}

/** null where there is no OpenSSH. */
export async function openHost(): Promise<Host | null> {
  const isThere = ['ssh', '/usr/sbin/sshd'].every(program => spawnSync(program, ['-V'], { stdio: 'ignore' }).error === undefined)
  if (!isThere) return null
  const server = await startSshd()
  const mark = path.join(server.dir, 'restarted')
  writeFileSync(path.join(server.dir, 'orders.log'), 'order 7: paid by Ada Alder with 4111 1111 1111 1111\norder 8: shipped\n')
  writeFileSync(path.join(server.dir, 'restart-shop'), `#!/bin/sh\necho restarted | tee ${mark}\n`, { mode: 0o755 })
  return { server, mark }
}

/** The connection and the rules of a policy; the directory of the host is the shop’s. */
export function hostPolicy({ server }: Host): { readonly connection: string; readonly rules: string } {
  return {
    connection: `
  shop-web: { protocol: ssh, address: "127.0.0.1:${server.port}", user: ${server.user}, host-keys: ["${server.fingerprint}"], credential: "env://SHOP_KEY", groups: [shop] }`,
    rules: `
  - { name: looking-around, on: [shop-web], ssh: { requests: [exec], programs: [cat, ls, tail] }, then: allow }
  - { name: restarts, on: [shop-web], ssh: { requests: [exec], commands: ["${server.dir}/restart-shop"] }, then: ask, approvers: dba, because: Customers notice. }`,
  }
}

/** The job’s ssh: output is masked, a removal does not get there, a restart waits for somebody. */
export async function showHost(host: Host | null, job: JobEnvironment, clientDir: string, shop: Shop, isAlone: boolean): Promise<void> {
  if (host === null) {
    step('ssh')
    say('  left out: OpenSSH is not installed')
    return
  }
  const { server, mark } = host
  const log = path.join(server.dir, 'orders.log')
  const ssh = (command: string, onWords?: (text: string) => void): ReturnType<typeof runJob> =>
    runJob('ssh', ['-F', path.join(clientDir, 'ssh_config'), '-n', 'shop-web', command], job, onWords)

  step('ssh shop-web tail orders.log   (a real sshd, and the ssh of this machine)')
  const read = await ssh(`tail ${log}`)
  quote(read.stdout + read.stderr)
  must(read.status === 0 && read.stdout.includes('order 8: shipped'), 'the file is shown')
  must(!read.stdout.includes('4111 1111') && read.stdout.includes('1111'), 'the card number in it is masked')
  must(!JSON.stringify(job).includes('PRIVATE KEY'), 'the job has no key of the host')

  step("ssh shop-web 'X=rm; $X orders.log'")
  const removed = await ssh(`X=rm; $X ${log}`)
  quote(removed.stderr, 3)
  must(removed.status === 126 && removed.stderr.includes('sallyport: denied by rule'), 'blocked before it reached the host')
  must(existsSync(log), 'the file is still there')

  step('ssh shop-web restart-shop   (flagged: somebody must approve)')
  const seen = new Set(shop.pull.comments.map(({ id }) => id))
  const waiting = ssh(`${server.dir}/restart-shop`, words => quote(words, 2))
  const code = await waitForRequest(shop, seen)
  if (isAlone) {
    say('  dana comments:  /sallyport approve …')
    shop.say(shop.people.dana, `/sallyport approve ${code}`)
  }
  const stop = isAlone ? null : answerByPerson(shop, code)
  const restarted = await waiting
  stop?.()
  quote(restarted.stdout)
  const wasApproved = restarted.status === 0
  if (isAlone) must(wasApproved, 'it ran once dana had approved')
  must(
    wasApproved === existsSync(mark),
    wasApproved ? `the host says: ${readFileSync(mark, 'utf8').trim()}` : 'it was not approved, and did not run',
  )
}
