// Vault's SSH engine: an authority that really signs user certificates, by ssh-keygen.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { VaultError } from './vault-error.ts'

export interface SshRole {
  /** Logins a certificate may be for. */
  readonly allowedUsers: readonly string[]
  readonly ttlSec?: number
}

export class SshEngine {
  readonly #dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-ca-'))
  #serial = 0

  constructor() {
    this.#keygen('-q', '-t', 'ed25519', '-N', '', '-C', 'world authority', '-f', 'ca')
  }

  /** What an sshd trusts: one line of OpenSSH's public key format. */
  get authority(): string {
    return readFileSync(path.join(this.#dir, 'ca.pub'), 'utf8').trim()
  }

  /** @throws {VaultError} 400 for a login that the role does not allow, or a key that is none. */
  sign(role: SshRole, body: Readonly<Record<string, unknown>>): { readonly serial_number: string; readonly signed_key: string } {
    const principals = textOf(body['valid_principals'])
    const unknown = principals.split(',').find(name => !role.allowedUsers.includes(name))
    if (unknown !== undefined) throw new VaultError(400, [`${unknown} is not a valid value for valid_principals`])
    this.#serial += 1
    const file = `key-${String(this.#serial)}`
    writeFileSync(path.join(this.#dir, `${file}.pub`), `${textOf(body['public_key']).trim()}\n`)
    const ttlSec = Math.min(seconds(body['ttl']) ?? role.ttlSec ?? 900, role.ttlSec ?? 900)
    try {
      this.#keygen(
        '-q',
        '-s',
        'ca',
        '-I',
        'vault-jwt',
        '-n',
        principals,
        '-V',
        `-30s:+${String(ttlSec)}s`,
        '-z',
        String(this.#serial),
        `${file}.pub`,
      )
    } catch {
      throw new VaultError(400, ['failed to parse public_key as SSH key'])
    }
    return { serial_number: this.#serial.toString(16), signed_key: readFileSync(path.join(this.#dir, `${file}-cert.pub`), 'utf8') }
  }

  /** A new key pair and its certificate. */
  issue(role: SshRole, body: Readonly<Record<string, unknown>>): object {
    const file = `pair-${String(this.#serial + 1)}`
    this.#keygen('-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file)
    const read = (name: string): string => readFileSync(path.join(this.#dir, name), 'utf8')
    return { ...this.sign(role, { ...body, public_key: read(`${file}.pub`) }), private_key: read(file), private_key_type: 'ed25519' }
  }

  close(): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }

  #keygen(...args: string[]): void {
    execFileSync('ssh-keygen', args, { cwd: this.#dir, stdio: 'ignore' })
  }
}

function seconds(ttl: unknown): number | null {
  const [, count, unit = 's'] = /^(\d+)([smh])?$/.exec(typeof ttl === 'string' ? ttl : '') ?? []
  return count === undefined ? null : Number(count) * (unit === 'h' ? 3_600 : unit === 'm' ? 60 : 1)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
