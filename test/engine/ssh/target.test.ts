import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
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

  for (const type of ['ed25519', 'ecdsa', 'rsa'] as const) {
    it(`logs in with a key of type ${type} and its certificate, whether they come apart or as one text`, async () => {
      const sshd = await started({ authority: vault.authority })
      const key = path.join(sshd.dir, `user-${type}`)
      execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', key])
      const secret = readFileSync(key, 'utf8')
      const signed = vault.sign(
        { allowedUsers: [sshd.user] },
        { public_key: readFileSync(`${key}.pub`, 'utf8'), valid_principals: sshd.user },
      ).signed_key
      const base = { username: null, expiresAt: null, receipt: 'file:///key' }
      const apart = { ...base, kind: 'ssh-certificate', secret: new Secret(secret), certificate: signed } as const
      const together = { ...base, kind: 'ssh-key', secret: new Secret(`${secret}${signed}`), certificate: null } as const
      for (const lease of [apart, together]) {
        const ran = await (await gatewayTo(sshd, { lease: () => lease })).ssh('echo certified')
        assert.equal(ran.stdout.toString(), 'certified\n', ran.stderr)
      }
      assert.match(sshd.log(), new RegExp(`Accepted publickey .* ${type.toUpperCase()}-CERT`))
    })
  }

  it('refuses a certificate that belongs to another key, and sends it to nobody', async () => {
    const sshd = await started({ authority: vault.authority })
    const other = ssh2.utils.generateKeyPairSync('ed25519').public
    const certificate = vault.sign({ allowedUsers: [sshd.user] }, { public_key: other, valid_principals: sshd.user }).signed_key
    const gateway = await gatewayTo(sshd, {
      lease: () => ({
        username: null,
        kind: 'ssh-certificate',
        secret: new Secret(sshd.privateKey),
        certificate,
        expiresAt: null,
        receipt: 'vault://ssh/issue/ci',
      }),
    })
    assert.match((await gateway.ssh('true')).stderr, /the ssh certificate does not belong to the key/)
    assert.doesNotMatch(sshd.log(), /CERT/)
  })

  it('logs in by the keys of an agent, an RSA key among them, and says when the agent is gone', async () => {
    const agent = path.join(plain.dir, 'agent.sock')
    const started = execFileSync('ssh-agent', ['-a', agent], { encoding: 'utf8' })
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started)?.[1])
    const rsa = path.join(plain.dir, 'agent-rsa')
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-N', '', '-f', rsa])
    appendFileSync(path.join(plain.dir, 'authorized_keys'), readFileSync(`${rsa}.pub`))
    const lease = () => ({
      username: null,
      kind: 'password' as const,
      secret: new Secret(agent),
      certificate: null,
      expiresAt: null,
      receipt: 'env://SSH_AUTH_SOCK',
    })
    const credential = 'env://SSH_AUTH_SOCK'
    try {
      const before = plain.log().length
      execFileSync('ssh-add', ['-q', rsa], { env: { ...process.env, SSH_AUTH_SOCK: agent } })
      const ran = await (await gatewayTo(plain, { lease, credential })).ssh('echo by agent')
      assert.equal(ran.stdout.toString(), 'by agent\n', ran.stderr)
      assert.match(plain.log().slice(before), /Accepted publickey .* RSA/)
    } finally {
      process.kill(pid)
    }
    const gone = await (await gatewayTo(plain, { lease, credential })).ssh('echo by agent')
    assert.equal(gone.status, 255)
    assert.match(gone.stderr, /the ssh agent does not answer/)
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
