// Logins that Vault makes for a real sshd, by the whole path: `sallyport exec` on the built cli, a token of the issuer, plain ssh.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startIssuer, type Issuer } from '../../world/issuer/issuer.ts'
import { startSshd, type SshServer, type SshServerOptions } from '../../world/sshd/server.ts'
import { startVault, type Vault } from '../../world/vault/vault.ts'
import { root, run, type Ran } from './exec-stage.ts'
import { inOwnHome } from './own-home.ts'
import { cli } from './ssh-stage.ts'

/** As vault-ssh-helper does on a host, with what PAM gives it. */
const OTP_CHECK = path.join(root, 'test/engine/ssh/otp-check.mjs')

describe('ssh through sallyport exec, with logins that Vault makes', () => {
  const user = os.userInfo().username
  let dir: string
  let issuer: Issuer
  let vault: Vault
  const closing: (() => Promise<unknown>)[] = []

  before(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-ssh-vault-'))
    mkdirSync(path.join(dir, 'home'))
    issuer = await startIssuer()
    vault = await startVault({ issuer: { url: issuer.url, address: issuer.address }, policies: { ssh: ['ssh/*', 'sys/leases/*'] } })
    vault.jwtRoles.set('ci', { boundAudiences: ['vault'], policies: ['ssh'] })
    vault.sshRoles.set('ci', { allowedUsers: [user], ttlSec: 600 })
    vault.otpRoles.set('otp', { defaultUser: 'nobody', allowedUsers: [user] })
  })
  after(async () => {
    for (const close of closing) await close()
    await Promise.all([vault.stop(), issuer.stop()])
    rmSync(dir, { recursive: true, force: true })
  })

  const sshdWith = async (options: SshServerOptions): Promise<SshServer> => {
    const sshd = await startSshd(options)
    closing.push(() => sshd.stop())
    return sshd
  }
  const otpHost = (): Promise<SshServer> =>
    sshdWith({
      passwordCheck: [process.execPath, OTP_CHECK, vault.address],
      settings: ['PubkeyAuthentication no', 'PermitRootLogin yes', 'PasswordAuthentication yes'],
    })

  const exec = (sshd: SshServer, credential: string, line: string): Promise<Ran> => {
    const config = path.join(dir, 'sallyport.yml')
    writeFileSync(
      config,
      `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.repository == "acme/shop"' } }
sources: { vault: { kind: vault, address: "${vault.address}", auth: { method: jwt, mount: jwt, role: ci, audience: vault } } }
connections:
  vaulted: { protocol: ssh, address: "127.0.0.1:${sshd.port}", user: ${user}, host-keys: ["${sshd.fingerprint}"], credential: "${credential}", groups: [shop] }
rules:
  - { name: words, on: [vaulted], ssh: { requests: [exec], programs: [echo, cat] }, then: allow }
`,
    )
    rmSync(path.join(dir, 'rec'), { recursive: true, force: true })
    const environment = issuer.grant({ repository: 'acme/shop', event_name: 'push' })
    const args = [cli, 'exec', '--config', config, '--out', path.join(dir, 'rec'), '--', 'sh', '-c', line]
    return run(...inOwnHome(path.join(dir, 'home'), process.execPath, args), dir, { ...environment })
  }
  const recorded = (): string =>
    readdirSync(path.join(dir, 'rec'), { withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(({ name }) => readFileSync(path.join(dir, 'rec', name), 'utf8'))
      .join('\n')
  const asked = (what: string): number => vault.requests.filter(request => request.includes(what)).length

  it('logs in by a one-time password for each connection, which the job and the recording never see', async () => {
    const sshd = await otpHost()
    const issued: string[] = []
    const issue = vault.otps.issue.bind(vault.otps)
    vault.otps.issue = (...args) => {
      const made = issue(...args)
      issued.push(made.key)
      return made
    }
    const mark = path.join(dir, 'mark')
    const ran = await exec(
      sshd,
      'vault://ssh/creds/otp?ip=127.0.0.1',
      `ssh -n vaulted 'echo one' && echo two | ssh vaulted cat && ssh -n vaulted 'touch ${mark}'; echo "status $?"; env`,
    )
    vault.otps.issue = issue
    assert.match(ran.stdout, /^one\ntwo\nstatus 126\n/, ran.stderr)
    assert.match(ran.stderr, /sallyport: denied by rule default: /)
    assert.equal(existsSync(mark), false)
    assert.equal(new Set(issued).size, 4, 'one at the start, to see that Vault gives any, and one for each login')
    assert.equal(vault.otps.unused.size, 0, 'none is left that somebody could use')
    // The login for the command that was denied may have been broken off: its password was then given back unused.
    const logins = sshd.log().match(/Accepted password for /g)?.length ?? 0
    assert.ok(logins === 2 || logins === 3, sshd.log())
    const kept = recorded()
    assert.match(kept, /echo one/)
    for (const otp of issued) {
      for (const text of [ran.stdout, ran.stderr, kept]) assert.ok(!text.includes(otp))
      assert.throws(() => vault.otps.verify(otp), /OTP not found/)
    }
    const verified = await run(process.execPath, [cli, 'verify', path.join(dir, 'rec')], dir, {})
    assert.equal(verified.status, 0, verified.stdout)
  })

  it('says whose fault it is when the host does not take the password, runs nothing, and gives the password back', async () => {
    // A host that asks another Vault: it knows nothing of these passwords.
    const sshd = await sshdWith({
      passwordCheck: ['/bin/false'],
      settings: ['PubkeyAuthentication no', 'PermitRootLogin yes', 'PasswordAuthentication yes'],
    })
    const ran = await exec(sshd, 'vault://ssh/creds/otp?ip=127.0.0.1', `ssh -n vaulted 'echo one'; echo "status $?"`)
    assert.equal(ran.stdout, 'status 255\n', ran.stderr)
    assert.match(ran.stderr, /vaulted refused the gateway's login/)
    assert.doesNotMatch(sshd.log(), /Accepted/)
    assert.equal(vault.otps.unused.size, 0)
  })

  it('says so when the role makes no passwords for the login', async () => {
    const sshd = await otpHost()
    const ran = await exec(sshd, 'vault://ssh/creds/nothing?ip=127.0.0.1', `ssh -n vaulted 'echo one'; echo "status $?"`)
    assert.doesNotMatch(ran.stdout, /^one$/m)
    assert.match(ran.stderr, /vault/)
    assert.doesNotMatch(sshd.log(), /Accepted/)
  })

  it('logs in by a certificate that Vault signed for a key of the run', async () => {
    const sshd = await sshdWith({ authority: vault.sshAuthority() })
    const before = asked('ssh/sign/ci')
    const ran = await exec(sshd, 'vault://ssh/sign/ci', `ssh -n vaulted 'echo certified'; env`)
    assert.match(ran.stdout, /^certified\n/, ran.stderr)
    assert.ok(asked('ssh/sign/ci') > before)
    assert.match(sshd.log(), /Accepted publickey .* ED25519-CERT .* ID vault-jwt/)
    assert.doesNotMatch(`${ran.stdout}${ran.stderr}${recorded()}`, /PRIVATE KEY/)
  })
})
