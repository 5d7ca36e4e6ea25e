import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import ssh2 from 'ssh2'
import { Secret } from '../../../gateway/core/secret.ts'
import { SshEngine } from '../../../world/vault/ssh-engine.ts'
import { startSshd } from '../../../world/sshd/server.ts'
import type { SshServer } from '../../../world/sshd/server.ts'
import { sshGatewayThat } from './gateway-that.ts'
import type { SshGateway, SshGatewaySettings } from './gateway-that.ts'

describe('the login on an ssh target', () => {
  const vault = new SshEngine()
  const servers: SshServer[] = []
  const gateways: SshGateway[] = []
  let plain: SshServer
  before(async () => {
    plain = await started({})
  })
  after(async () => {
    await Promise.all(gateways.map(gateway => gateway.stop()))
    await Promise.all(servers.map(server => server.stop()))
    vault.close()
  })
  const started = async (options: Parameters<typeof startSshd>[0]): Promise<SshServer> => {
    const server = await startSshd(options)
    servers.push(server)
    return server
  }
  const gatewayTo = async (sshd: SshServer, settings: Partial<SshGatewaySettings> = {}): Promise<SshGateway> => {
    const gateway = await sshGatewayThat({ sshd, ...settings })
    gateways.push(gateway)
    return gateway
  }

  it('uses a certificate that was made for the gateway’s own key, where no plain key may log in', async () => {
    const sshd = await started({ authority: vault.authority })
    const withPlainKey = await gatewayTo(sshd)
    assert.equal((await withPlainKey.ssh('true')).status, 255)
    const gateway = await gatewayTo(sshd, {
      lease: keys => ({
        username: null,
        kind: 'ssh-certificate',
        secret: new Secret(''),
        certificate: vault.sign({ allowedUsers: [sshd.user] }, { public_key: keys.loginPublic, valid_principals: sshd.user }).signed_key,
        expiresAt: null,
        receipt: 'vault://ssh/sign/ci',
      }),
    })
    const ran = await gateway.ssh('echo by certificate')
    assert.equal(ran.stdout.toString(), 'by certificate\n', ran.stderr)
    assert.match(sshd.log(), /ED25519-CERT/)
  })

  it('refuses a target whose host key is not pinned, and sends it nothing', async () => {
    const gateway = await gatewayTo(plain, { hostKeys: [`SHA256:${'A'.repeat(43)}`] })
    const before = plain.log()
    const ran = await gateway.ssh('true')
    assert.equal(ran.status, 255)
    assert.match(ran.stderr, /the host key of web is not one of its host-keys/)
    assert.ok(ran.stderr.includes(plain.fingerprint))
    assert.doesNotMatch(plain.log().slice(before.length), /Accepted/)
    assert.equal(gateway.recorder.of('error')[0]?.code, 'HOST_KEY_MISMATCH')
  })

  for (const hostKeyType of ['ecdsa', 'rsa'] as const) {
    it(`takes a pinned host key of type ${hostKeyType}`, async () => {
      const gateway = await gatewayTo(await started({ hostKeyType }))
      assert.equal((await gateway.ssh('echo pinned')).stdout.toString(), 'pinned\n')
    })
  }

  it('finds the pinned key of a server that has several', async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-hostkey-'))
    execFileSync('ssh-keygen', ['-q', '-t', 'ecdsa', '-N', '', '-f', path.join(dir, 'second')])
    try {
      const sshd = await started({ settings: [`HostKey ${dir}/second`] })
      const line = execFileSync('ssh-keygen', ['-lf', path.join(dir, 'second.pub')], { encoding: 'utf8' })
      const gateway = await gatewayTo(sshd, { hostKeys: [line.split(' ')[1] ?? ''] })
      assert.equal((await gateway.ssh('echo second')).stdout.toString(), 'second\n')
      assert.equal((await gateway.ssh('echo again')).stdout.toString(), 'again\n')
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  it('says that the target refused the login, without a part of the key', async () => {
    const stranger = ssh2.utils.generateKeyPairSync('ed25519').private
    const gateway = await gatewayTo(plain, {
      lease: () => ({
        username: null,
        kind: 'ssh-key',
        secret: new Secret(stranger),
        certificate: null,
        expiresAt: null,
        receipt: 'env://X',
      }),
    })
    const ran = await gateway.ssh('true')
    assert.match(ran.stderr, /web refused the gateway's login/)
    assert.equal(ran.status, 255)
    assert.ok(!ran.stderr.includes(stranger.slice(60, 90)))
  })

  it('says that the target cannot be reached', async () => {
    const gateway = await gatewayTo(plain, { port: 1 })
    const ran = await gateway.ssh('true')
    assert.equal(ran.status, 255)
    assert.match(ran.stderr, /web cannot be reached at 127\.0\.0\.1:1/)
  })

  it('speaks no algorithm with SHA-1 and no CBC to clients', async () => {
    const gateway = await gatewayTo(plain)
    for (const option of ['KexAlgorithms=diffie-hellman-group14-sha1', 'Ciphers=aes128-cbc', 'HostKeyAlgorithms=ssh-rsa']) {
      const ran = await gateway.client('ssh', ['-n', '-o', option, 'web', 'true'], null)
      assert.equal(ran.status, 255)
      assert.match(ran.stderr, /no matching|Bad/)
    }
    const ran = await gateway.client('ssh', ['-n', '-o', 'Ciphers=aes128-ctr', '-o', 'MACs=hmac-sha1', 'web', 'true'], null)
    assert.match(ran.stderr, /no matching MAC/)
  })

  it('lets a client in by the run’s key or the ticket, and by nothing else', async () => {
    const gateway = await gatewayTo(plain)
    const other = path.join(gateway.dir, 'other')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other])
    const logins = async (password: string): Promise<boolean> => {
      const client = new ssh2.Client()
      try {
        return await new Promise(resolve => {
          client.once('ready', () => resolve(true)).on('error', () => resolve(false))
          client.connect({ host: '127.0.0.1', port: gateway.port, username: plain.user, password })
        })
      } finally {
        client.end()
      }
    }
    assert.equal(await logins(gateway.ticket), true)
    assert.equal(await logins(`${gateway.ticket}x`), false)
    assert.equal(await logins(''), false)
    const opened = gateway.recorder.of('session.open').length
    const client = new ssh2.Client()
    const refused = await new Promise(resolve => {
      client.once('ready', () => resolve(false)).on('error', () => resolve(true))
      client.connect({ host: '127.0.0.1', port: gateway.port, username: plain.user, privateKey: readFileSync(other) })
    })
    client.end()
    assert.equal(refused, true)
    assert.equal(gateway.recorder.of('session.open').length, opened)
  })
})
