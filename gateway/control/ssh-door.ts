// What OpenSSH's clients need to know of one connection: its Host block, the run's key for it, and the host key of its door.
import { SallyportError } from '../core/errors.ts'
import type { ClientFile } from './protocol.ts'
import path from 'node:path'
import { warnsOfWeakCrypto } from './ssh-client.ts'
import { urlVariable } from './url-variable.ts'

/** A local endpoint for ssh clients. */
export interface SshDoor {
  readonly protocol: 'ssh'
  readonly name: string
  readonly port: number
  readonly ticket: string
  readonly user: string
  /** The target's own name: clients that say it come here too. */
  readonly address: string
  /** OpenSSH private key that opens this door and nothing else. */
  readonly clientKey: string
  /** `ssh-ed25519 AAAA…` of the door. */
  readonly hostKey: string
}

export const SSH_CONFIG_FILE = 'ssh_config'
const KNOWN_HOSTS_FILE = 'ssh_known_hosts'
const STEP_KEY = 'ssh_step_'

export function sshUrl(door: SshDoor): string {
  return `ssh://${encodeURIComponent(door.user)}@127.0.0.1:${door.port}`
}

/** The files of all ssh doors; empty when there is none. @throws {SallyportError} POLICY_INVALID for names a configuration cannot hold. */
export function sshFiles(doors: readonly SshDoor[], clientDir: string): readonly ClientFile[] {
  if (doors.length === 0) return []
  return [
    { path: SSH_CONFIG_FILE, text: doors.map(door => hostBlock(door, clientDir)).join('\n') },
    { path: KNOWN_HOSTS_FILE, text: doors.map(door => `${aliasOf(door)} ${door.hostKey.split(' ').slice(0, 2).join(' ')}\n`).join('') },
    ...doors.map(door => ({ path: keyFile(door), text: door.clientKey, isPrivate: true })),
    // OpenSSH takes no key that another user owns: the user of `shell: sallyport {0}` makes its own file of this one.
    ...doors.map(door => ({ path: `${STEP_KEY}${door.name}`, text: door.clientKey })),
  ]
}

/** By what a process shows that a generated configuration is its own; null for a text that is none. */
export function doorSign(text: string): { readonly variable: string; readonly port: number } | null {
  const [, name, port] = /^Host (\S+)[^\n]*\n(?: [^\n]*\n)*? +Port (\d+)\n/m.exec(text) ?? []
  return name === undefined || port === undefined ? null : { variable: urlVariable(name), port: Number(port) }
}

/** First value wins in ssh_config: what stands here holds whatever else is configured for the same host. */
function hostBlock(door: SshDoor, clientDir: string): string {
  for (const text of [door.name, door.user, door.address, clientDir]) {
    if (/[\s"'\\*?!%,\p{Cc}]/u.test(text)) {
      throw new SallyportError(
        'POLICY_INVALID',
        `connection ${door.name} has a name, user or address that an ssh configuration cannot hold`,
      )
    }
  }
  const settings = {
    HostName: '127.0.0.1',
    Port: String(door.port),
    User: door.user,
    HostKeyAlias: aliasOf(door),
    IdentityFile: path.join(clientDir, keyFile(door)),
    CertificateFile: 'none',
    IdentitiesOnly: 'yes',
    PreferredAuthentications: 'publickey',
    UserKnownHostsFile: path.join(clientDir, KNOWN_HOSTS_FILE),
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    CheckHostIP: 'no',
    ProxyCommand: 'none',
    AddKeysToAgent: 'no',
    // The cipher that costs least in a process without instructions of its own for ChaCha20.
    Ciphers: '^aes128-gcm@openssh.com,aes256-gcm@openssh.com',
    ...(warnsOfWeakCrypto() ? { WarnWeakCrypto: 'no' } : {}),
  }
  const lines = Object.entries(settings).map(([name, value]) => `  ${name} ${value}`)
  return `Host ${[...new Set([door.name, door.address])].join(' ')}\n${lines.join('\n')}\n`
}

function aliasOf(door: SshDoor): string {
  return `sallyport-${door.name}`
}

function keyFile(door: SshDoor): string {
  return `ssh/${door.name}`
}
