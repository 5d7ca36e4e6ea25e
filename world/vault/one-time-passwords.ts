// One-time passwords of Vault's SSH engine: made for one address and login, taken back once a host has asked about them.
import { randomUUID } from 'node:crypto'
import { VaultError } from './vault-error.ts'

export interface OtpRole {
  /** Login when none is asked for. */
  readonly defaultUser: string
  readonly allowedUsers: readonly string[]
}

interface Issued {
  readonly ip: string
  readonly username: string
  readonly role_name: string
}

export class OneTimePasswords {
  /** Those that nobody has used. */
  readonly unused = new Map<string, Issued>()

  /** @throws {VaultError} 400 for a login that the role does not allow. */
  issue(name: string, role: OtpRole, body: Readonly<Record<string, unknown>>): { readonly key: string; readonly data: object } {
    const { ip } = body
    if (typeof ip !== 'string') throw new VaultError(400, ['Missing ip'])
    const username = typeof body['username'] === 'string' ? body['username'] : role.defaultUser
    if (username !== role.defaultUser && !role.allowedUsers.includes(username))
      throw new VaultError(400, ['Username is not present is allowed users list'])
    const key = randomUUID()
    this.unused.set(key, { ip, username, role_name: name })
    return { key, data: { ip, username, key, key_type: 'otp', port: 22 } }
  }

  /** What a host asks: who may log in with it. It is gone afterwards. @throws {VaultError} 400 */
  verify(otp: string): Issued {
    const issued = this.unused.get(otp)
    if (issued === undefined) throw new VaultError(400, ['OTP not found'])
    this.unused.delete(otp)
    return issued
  }
}
