// A throw-away OpenSSH server on loopback with keys of its own; nothing of the machine's own server is read or changed.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { freePort } from '../loopback-port.ts'

/** Debian keeps it out of a user's PATH. */
const PROGRAM = '/usr/sbin/sshd'

export interface SshServer {
  readonly host: string
  readonly port: number
  /** Who may log in: the user of this process. */
  readonly user: string
  /** `SHA256:…` of the host key. */
  readonly fingerprint: string
  /** The host key as a line of known_hosts has it, without the host. */
  readonly hostKey: string
  /** OpenSSH private key that may log in; with `authority` set no plain key may. */
  readonly privateKey: string
  readonly dir: string
  log(): string
  stop(): Promise<void>
}

export interface SshServerOptions {
  /** Public key of an authority: only its certificates may log in. */
  readonly authority?: string
  /** More lines for sshd_config; the first value of a setting counts. */
  readonly settings?: readonly string[]
  readonly hostKeyType?: 'ed25519' | 'ecdsa' | 'rsa'
  /** A program that says by its exit status whether the password on its stdin opens for $PAM_USER; asked by PAM. Needs root. */
  readonly passwordCheck?: readonly string[]
}

/** Starts a server and waits until it listens. */
export async function startSshd(options: SshServerOptions = {}): Promise<SshServer> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-sshd-'))
  const user = os.userInfo().username
  keygen(dir, 'host', options.hostKeyType ?? 'ed25519')
  keygen(dir, 'login', 'ed25519')
  const read = (name: string): string => readFileSync(path.join(dir, name), 'utf8')
  writeFileSync(path.join(dir, 'authorized_keys'), read('login.pub'))
  if (options.authority !== undefined) writeFileSync(path.join(dir, 'ca.pub'), `${options.authority}\n`)
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  const port = await freePort()
  const logFile = path.join(dir, 'sshd.log')
  writeFileSync(path.join(dir, 'xauth'), `#!/bin/sh\nXAUTHORITY=${dir}/Xauthority exec xauth "$@"\n`, { mode: 0o755 })
  writeFileSync(path.join(dir, 'sshd_config'), configOf(dir, port, options))
  const args = ['-D', '-f', path.join(dir, 'sshd_config'), '-E', logFile]
  const child =
    options.passwordCheck === undefined
      ? spawn(PROGRAM, args, { stdio: 'ignore' })
      : spawn('unshare', ['--mount', 'sh', '-c', withOwnPam(dir, options.passwordCheck), PROGRAM, ...args], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  await untilListening(
    port,
    () => child.exitCode !== null,
    () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : ''),
  )
  const [, blob = ''] = read('host.pub').split(' ')
  return {
    host: '127.0.0.1',
    port,
    user,
    fingerprint: `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`,
    hostKey: read('host.pub').trim(),
    privateKey: read('login'),
    dir,
    log: () => readFileSync(logFile, 'utf8'),
    stop: async () => {
      child.kill('SIGTERM')
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function keygen(dir: string, name: string, type: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', path.join(dir, name)], { stdio: 'ignore' })
}

/** Shell text that gives a program a folder of PAM services of its own: in a namespace of mounts, so that the machine keeps its own. */
function withOwnPam(dir: string, check: readonly string[]): string {
  const services = path.join(dir, 'pam.d')
  mkdirSync(services)
  const lines = [
    `auth required pam_exec.so quiet expose_authtok ${check.join(' ')}`,
    // Answers for what the program is not asked: sshd sets credentials in another process.
    'auth required pam_permit.so',
    'account required pam_permit.so',
    'session required pam_permit.so',
  ]
  for (const name of ['sshd', 'other']) writeFileSync(path.join(services, name), `${lines.join('\n')}\n`)
  return `mount --make-rprivate / && mount --bind ${services} /etc/pam.d && exec "$0" "$@"`
}

function configOf(dir: string, port: number, { authority, passwordCheck, settings = [] }: SshServerOptions): string {
  return [
    ...settings,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${dir}/host`,
    `PidFile ${dir}/sshd.pid`,
    authority === undefined ? `AuthorizedKeysFile ${dir}/authorized_keys` : `AuthorizedKeysFile none\nTrustedUserCAKeys ${dir}/ca.pub`,
    'StrictModes no',
    passwordCheck === undefined ? 'UsePAM no' : 'UsePAM yes',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'AcceptEnv LANG LC_* FOO_*',
    ...(settings.some(line => line.startsWith('Subsystem sftp')) ? [] : ['Subsystem sftp internal-sftp']),
    'MaxSessions 50',
    'MaxStartups 100',
    'PrintMotd no',
    // Cookies of displays go into the folder, not into the home of whoever runs this.
    'X11Forwarding yes',
    `XAuthLocation ${dir}/xauth`,
    'LogLevel VERBOSE',
    '',
  ].join('\n')
}

async function untilListening(port: number, hasEnded: () => boolean, words: () => string): Promise<void> {
  for (const until = performance.now() + 60_000; ;) {
    const socket = net.connect(port, '127.0.0.1')
    try {
      await once(socket, 'data')
      return
    } catch {
      if (hasEnded() || performance.now() > until) throw new Error(`sshd did not start: ${words()}`)
      await new Promise(resolve => setTimeout(resolve, 25))
    } finally {
      socket.destroy()
    }
  }
}
