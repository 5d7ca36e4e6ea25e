import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startSshd } from '../../../world/sshd/server.ts'
import type { SshServer } from '../../../world/sshd/server.ts'
import { approved } from '../../session/people.ts'
import { sshGatewayThat } from './gateway-that.ts'
import type { SshGateway } from './gateway-that.ts'

const sftp = (gateway: SshGateway, ...lines: string[]): ReturnType<SshGateway['client']> =>
  gateway.client('sftp', ['-q', '-b', '-', 'web'], lines.join('\n'))

describe('files through the gateway', () => {
  let sshd: SshServer
  let app: string
  const gateways: SshGateway[] = []
  const bytes = randomBytes(5_000_000)
  before(async () => {
    sshd = await startSshd()
    app = path.join(sshd.dir, 'app')
    mkdirSync(app)
    writeFileSync(path.join(sshd.dir, 'local'), bytes)
    writeFileSync(path.join(sshd.dir, 'secret'), 'secret')
    symlinkSync(sshd.dir, path.join(app, 'out'))
  })
  after(async () => {
    await Promise.all(gateways.map(gateway => gateway.stop()))
    await sshd.stop()
  })
  const gatewayThat = async (...rules: string[]): Promise<SshGateway> => {
    const gateway = await sshGatewayThat({ sshd, rules })
    gateways.push(gateway)
    return gateway
  }
  const uploads = (): string => `{ name: uploads, ssh: { requests: [sftp], operations: [write], paths: ["${app}/**"] }, then: allow }`

  it('uploads with scp where a rule allows it, and records path, size and SHA-256', async () => {
    const gateway = await gatewayThat(uploads())
    const ran = await gateway.client('scp', ['-q', path.join(sshd.dir, 'local'), `web:${app}/new`], null)
    assert.equal(ran.status, 0, ran.stderr)
    assert.deepEqual(readFileSync(path.join(app, 'new')), bytes)
    assert.deepEqual(
      gateway.recorder.of('file').map(({ path: file, operation, bytes: size, digest }) => [file, operation, size, digest]),
      [[`${app}/new`, 'write', bytes.length, `sha256:${createHash('sha256').update(bytes).digest('hex')}`]],
    )
  })

  it('refuses what leads out of the folder: dots, links, renames, hard links, links of its own', async () => {
    const gateway = await gatewayThat(uploads())
    const local = path.join(sshd.dir, 'local')
    for (const line of [
      `put ${local} ${app}/../outside`,
      `put ${local} ${app}/out/outside`,
      `rename ${app}/new ${sshd.dir}/outside`,
      `ln ${app}/new ${sshd.dir}/outside`,
      `ln -s ${sshd.dir}/secret ${app}/link`,
      `get ${sshd.dir}/secret ${sshd.dir}/outside`,
      `rm ${app}/new`,
      `chmod 777 ${app}/new`,
      `mkdir ${app}/folder`,
    ]) {
      const ran = await sftp(gateway, line)
      assert.equal(ran.status, 1, line)
      assert.match(ran.stderr, /sallyport: denied by rule default/, line)
    }
    assert.equal(
      existsSync(path.join(sshd.dir, 'outside')) || existsSync(path.join(app, 'link')) || existsSync(path.join(app, 'folder')),
      false,
    )
    assert.equal(existsSync(path.join(app, 'new')), true)
    const judged = gateway.recorder.of('command').map(({ text }) => text)
    assert.ok(judged.includes(`write ${sshd.dir}/outside`))
  })

  it('downloads, lists and moves where everything is allowed, byte by byte', async () => {
    const gateway = await gatewayThat('{ name: everything, then: allow }')
    const ran = await sftp(
      gateway,
      `cd ${app}`,
      `put ${sshd.dir}/local a`,
      'rename a b',
      'ln -s b c',
      'mkdir d',
      'rmdir d',
      'chmod 600 b',
      'ls -l',
      `get c ${sshd.dir}/back`,
      'rm c',
    )
    assert.equal(ran.status, 0, ran.stderr)
    assert.deepEqual(readFileSync(path.join(sshd.dir, 'back')), bytes)
    const operations = [...new Set(gateway.recorder.of('file').map(({ operation }) => operation))]
    assert.deepEqual(operations, ['write', 'rename', 'symlink', 'mkdir', 'rmdir', 'setstat', 'list', 'read', 'remove'])
  })

  it('judges scp -O by its path, and the file server as a program by its operations', async () => {
    const gateway = await gatewayThat(`{ name: uploads, ssh: { operations: [write], paths: ["${app}/**"] }, then: allow }`)
    const local = path.join(sshd.dir, 'local')
    assert.equal((await gateway.client('scp', ['-O', '-q', local, `web:${app}/old`], null)).status, 0)
    assert.deepEqual(readFileSync(path.join(app, 'old')), bytes)
    assert.notEqual((await gateway.client('scp', ['-O', '-q', local, `web:${sshd.dir}/outside`], null)).status, 0)
    assert.equal(existsSync(path.join(sshd.dir, 'outside')), false)
  })

  it('holds one file operation while the rest of the connection waits, and goes on after the approval', async () => {
    const gateway = await gatewayThat('{ name: ask-writes, ssh: { operations: [write] }, then: ask, approvers: ops }')
    const running = gateway.client('scp', ['-q', path.join(sshd.dir, 'secret'), `web:${app}/asked`], null)
    const asked = await gateway.people.request(1)
    assert.equal(existsSync(path.join(app, 'asked')), false)
    asked.answer(approved)
    const ran = await running
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stderr, /sallyport: held by rule ask-writes/)
    assert.equal(readFileSync(path.join(app, 'asked'), 'utf8'), 'secret')
  })
})
