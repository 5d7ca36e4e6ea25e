// Credentials of Vault's SSH engine, through the real source and lease desk, on a real sshd that asks for exactly these.
import assert from 'node:assert/strict'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createHttp } from '../../../gateway/adapter/https/https-client.ts'
import { fetchGithubToken } from '../../../gateway/adapter/oidc/github-token.ts'
import { createVaultSource } from '../../../gateway/adapter/vault/vault-source.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import type { CredentialContext, CredentialSource } from '../../../gateway/core/credential.ts'
import { openLeaseDesk } from '../../../gateway/session/lease-desk.ts'
import { startIssuer } from '../../../world/issuer/issuer.ts'
import type { Issuer } from '../../../world/issuer/issuer.ts'
import { startSshd } from '../../../world/sshd/server.ts'
import type { SshServer } from '../../../world/sshd/server.ts'
import { startVault } from '../../../world/vault/vault.ts'
import type { Vault } from '../../../world/vault/vault.ts'
import { sshGatewayThat } from './gateway-that.ts'
import type { SshGateway } from './gateway-that.ts'

// Pauses between attempts take no time here.
const http = createHttp({}, { ...systemClock, sleep: async () => undefined })
const signal = new AbortController().signal

describe('an ssh target whose logins Vault makes', () => {
  const user = os.userInfo().username
  let issuer: Issuer
  let vault: Vault
  const closing: (() => Promise<unknown>)[] = []

  before(async () => {
    issuer = await startIssuer()
    vault = await startVault({ issuer: { url: issuer.url, address: issuer.address }, policies: { full: ['*'] } })
    vault.jwtRoles.set('ci', { boundAudiences: ['vault'], policies: ['full'] })
    vault.sshRoles.set('ci', { allowedUsers: [user], ttlSec: 600 })
    vault.otpRoles.set('otp', { defaultUser: 'nobody', allowedUsers: [user] })
  })
  after(async () => {
    for (const close of closing) await close()
    await Promise.all([vault.stop(), issuer.stop()])
  })

  async function gatewayTo(sshd: SshServer, credential: string): Promise<{ gateway: SshGateway; source: CredentialSource }> {
    const auth = { method: 'jwt', mount: 'jwt', role: 'ci', audience: 'vault' } as const
    const source = createVaultSource(
      { name: 'vault', address: vault.address, namespace: null, ca: null, auth },
      { http, clock: systemClock },
    )
    const idToken: CredentialContext['idToken'] = (audience, abort) =>
      fetchGithubToken({ audience, environment: { ...issuer.grant() }, isFork: false, http }, abort)
    const gateway = await sshGatewayThat({
      sshd,
      credential,
      leases: keys =>
        openLeaseDesk({
          sourceFor: () => source,
          context: ({ user: login }) => ({ idToken, publicKey: keys.loginPublic, login }),
          clock: systemClock,
        }),
    })
    closing.push(
      () => gateway.stop(),
      () => source.close(signal),
    )
    return { gateway, source }
  }

  for (const engine of ['sign', 'issue']) {
    it(`lets the gateway in by a certificate that Vault ${engine}s, and no plain key`, async () => {
      const sshd = await startSshd({ authority: vault.sshAuthority() })
      closing.push(() => sshd.stop())
      const { gateway } = await gatewayTo(sshd, `vault://ssh/${engine}/ci`)
      const ran = await gateway.ssh('echo certified')
      assert.equal(ran.stdout.toString(), 'certified\n', ran.stderr)
      assert.match(sshd.log(), /Accepted publickey .* ED25519-CERT .* ID vault-jwt/)
      assert.ok(!JSON.stringify(gateway.recorder.kept).includes('PRIVATE KEY'))
    })
  }

  for (const way of ['Password', 'KbdInteractive']) {
    it(`lets the gateway in by one-time passwords (${way}), one for each login, and gives back what was not used`, async () => {
      const sshd = await startSshd({
        passwordCheck: [process.execPath, path.join(import.meta.dirname, 'otp-check.mjs'), vault.address],
        settings: ['PubkeyAuthentication no', 'PermitRootLogin yes', `${way}Authentication yes`],
      })
      closing.push(() => sshd.stop())
      const { gateway, source } = await gatewayTo(sshd, 'vault://ssh/creds/otp?ip=127.0.0.1')
      const before = vault.requests.filter(asked => asked.includes('ssh/creds/otp')).length
      const runs = await Promise.all([gateway.ssh('echo one'), gateway.ssh('echo two'), gateway.ssh('echo three')])
      assert.deepEqual(
        runs.map(({ stdout }) => stdout.toString()),
        ['one\n', 'two\n', 'three\n'],
        runs.map(({ stderr }) => stderr).join('\n'),
      )
      assert.equal(vault.requests.filter(asked => asked.includes('ssh/creds/otp')).length - before, 3)
      assert.equal(vault.otps.unused.size, 0)
      const wrong = await source.acquire(
        gateway.connection.credential,
        { idToken: () => Promise.reject(new Error('no')), publicKey: null, login: user },
        signal,
      )
      assert.equal(vault.otps.unused.size, 1)
      assert.equal(wrong.isOneTime, true)
      await source.close(signal)
      assert.equal(vault.otps.unused.size, 0)
    })
  }
})
