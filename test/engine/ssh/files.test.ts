import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import ssh2 from 'ssh2'
import type { SFTPWrapper } from 'ssh2'
import { startSshd } from '../../../world/sshd/server.ts'
import { approved } from '../../session/people.ts'
import { sshGatewayThat } from './gateway-that.ts'
import type { SshGateway } from './gateway-that.ts'
import { sshdStage } from './sshd-stage.ts'

const sftp = (gateway: SshGateway, ...lines: string[]): ReturnType<SshGateway['client']> =>
  gateway.client('sftp', ['-q', '-b', '-', 'web'], lines.join('\n'))

describe('files through the gateway', () => {
  const stage = sshdStage()
  const { gatewayOf } = stage
  let app: string
  const bytes = randomBytes(5_000_000)
  before(() => {
    app = path.join(stage.sshd.dir, 'app')
    mkdirSync(app)
    writeFileSync(path.join(stage.sshd.dir, 'local'), bytes)
    writeFileSync(path.join(stage.sshd.dir, 'secret'), 'secret')
    symlinkSync(stage.sshd.dir, path.join(app, 'out'))
  })
  const uploads = (): string => `{ name: uploads, ssh: { requests: [sftp], operations: [write], paths: ["${app}/**"] }, then: allow }`

  it('uploads with scp where a rule allows it, and records path, size and SHA-256', async () => {
    const gateway = await gatewayOf(uploads())
    const ran = await gateway.client('scp', ['-q', path.join(stage.sshd.dir, 'local'), `web:${app}/new`], null)
    assert.equal(ran.status, 0, ran.stderr)
    assert.deepEqual(readFileSync(path.join(app, 'new')), bytes)
    assert.deepEqual(
      gateway.recorder.of('file').map(({ path: file, operation, bytes: size, digest }) => [file, operation, size, digest]),
      [[`${app}/new`, 'write', bytes.length, `sha256:${createHash('sha256').update(bytes).digest('hex')}`]],
    )
  })

  it('refuses what leads out of the folder: dots, links, renames, hard links, links of its own', async () => {
    const gateway = await gatewayOf(uploads())
    const local = path.join(stage.sshd.dir, 'local')
    for (const line of [
      `put ${local} ${app}/../outside`,
      `put ${local} ${app}/out/outside`,
      `rename ${app}/new ${stage.sshd.dir}/outside`,
      `ln ${app}/new ${stage.sshd.dir}/outside`,
      `ln -s ${stage.sshd.dir}/secret ${app}/link`,
      `get ${stage.sshd.dir}/secret ${stage.sshd.dir}/outside`,
      `rm ${app}/new`,
      `chmod 777 ${app}/new`,
      `mkdir ${app}/folder`,
    ]) {
      const ran = await sftp(gateway, line)
      assert.equal(ran.status, 1, line)
      assert.match(ran.stderr, /sallyport: denied by rule default/, line)
    }
    assert.equal(
      existsSync(path.join(stage.sshd.dir, 'outside')) || existsSync(path.join(app, 'link')) || existsSync(path.join(app, 'folder')),
      false,
    )
    assert.equal(existsSync(path.join(app, 'new')), true)
    const judged = gateway.recorder.of('command').map(({ text }) => text)
    assert.ok(judged.includes(`write ${stage.sshd.dir}/outside`))
  })

  it('downloads, lists and moves where everything is allowed, byte by byte', async () => {
    const gateway = await gatewayOf('{ name: everything, then: allow }')
    const ran = await sftp(
      gateway,
      `cd ${app}`,
      `put ${stage.sshd.dir}/local a`,
      'rename a b',
      'ln -s b c',
      'mkdir d',
      'rmdir d',
      'chmod 600 b',
      'ls -l',
      `get c ${stage.sshd.dir}/back`,
      'rm c',
    )
    assert.equal(ran.status, 0, ran.stderr)
    assert.deepEqual(readFileSync(path.join(stage.sshd.dir, 'back')), bytes)
    const operations = [...new Set(gateway.recorder.of('file').map(({ operation }) => operation))]
    assert.deepEqual(operations, ['write', 'rename', 'symlink', 'mkdir', 'rmdir', 'setstat', 'list', 'read', 'remove'])
  })

  it('judges scp -O by its path, and the file server as a program by its operations', async () => {
    const gateway = await gatewayOf(`{ name: uploads, ssh: { operations: [write], paths: ["${app}/**"] }, then: allow }`)
    const local = path.join(stage.sshd.dir, 'local')
    assert.equal((await gateway.client('scp', ['-O', '-q', local, `web:${app}/old`], null)).status, 0)
    assert.deepEqual(readFileSync(path.join(app, 'old')), bytes)
    assert.notEqual((await gateway.client('scp', ['-O', '-q', local, `web:${stage.sshd.dir}/outside`], null)).status, 0)
    assert.equal(existsSync(path.join(stage.sshd.dir, 'outside')), false)
  })

  it('holds one file operation while the rest of the connection waits, and goes on after the approval', async () => {
    const gateway = await gatewayOf('{ name: ask-writes, ssh: { operations: [write] }, then: ask, approvers: ops }')
    const running = gateway.client('scp', ['-q', path.join(stage.sshd.dir, 'secret'), `web:${app}/asked`], null)
    const asked = await gateway.people.request(1)
    assert.equal(existsSync(path.join(app, 'asked')), false)
    asked.answer(approved)
    const ran = await running
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stderr, /sallyport: held by rule ask-writes/)
    assert.equal(readFileSync(path.join(app, 'asked'), 'utf8'), 'secret')
  })

  it('records what was not finished when a client leaves in the middle of a file', async () => {
    const gateway = await gatewayOf('{ name: everything, then: allow }')
    const client = new ssh2.Client()
    client.on('error', () => {})
    client.connect({ host: '127.0.0.1', port: gateway.port, username: stage.sshd.user, password: gateway.ticket })
    await once(client, 'ready')
    const files = await new Promise<SFTPWrapper>((resolve, reject) =>
      client.sftp((error, made) => (error === undefined ? resolve(made) : reject(error))),
    )
    const handle = await new Promise<Buffer>((resolve, reject) =>
      files.open(path.join(app, 'half'), 'w', (error, made) => (error === undefined ? resolve(made) : reject(error))),
    )
    await new Promise(resolve => files.write(handle, Buffer.alloc(1_000, 'x'), 0, 1_000, 0, resolve))
    client.end()
    const result = await gateway.recorder.seen(({ kind }) => kind === 'result')
    assert.equal(result.kind === 'result' ? result.tag : '', 'ended before the file was closed')
    await gateway.recorder.seen(({ kind }) => kind === 'session.close')
    assert.deepEqual(
      gateway.recorder.of('file').map(({ operation, bytes: size }) => [operation, size]),
      [['write', 1_000]],
    )
    const kinds = gateway.recorder.kept.map(({ event }) => event.kind)
    assert.ok(kinds.indexOf('result') < kinds.indexOf('session.close'))
  })

  it('reads neither side on while the recording has no room, and loses nothing', async () => {
    const gateway = await gatewayOf('{ name: everything, then: allow }')
    let full = true
    let waits = 0
    let wake: () => void = () => {}
    const { recorder } = gateway
    const append = recorder.append.bind(recorder)
    recorder.append = (session, event) => {
      append(session, event)
      return !full
    }
    recorder.drained = () => {
      waits += 1
      return new Promise(resolve => (wake = resolve))
    }
    const running = sftp(gateway, ...Array.from({ length: 20 }, (_, index) => `mkdir ${app}/many-${index}`), `ls ${app}`)
    await recorder.seen(({ kind }) => kind === 'result')
    const stopped = recorder.of('result').length
    await new Promise(resolve => setTimeout(resolve, 300))
    assert.ok(recorder.of('result').length <= stopped + 2, String(recorder.of('result').length))
    full = false
    wake()
    const ran = await running
    assert.equal(ran.status, 0, ran.stderr)
    assert.equal(recorder.of('file').filter(({ operation }) => operation === 'mkdir').length, 20)
    assert.ok(waits > 0)
  })

  it('passes the variables of a client on to the file server', async () => {
    const own = await startSshd({ settings: [`Subsystem sftp ${stage.sshd.dir}/server.sh`] })
    try {
      writeFileSync(
        path.join(stage.sshd.dir, 'server.sh'),
        `#!/bin/sh\necho "$FOO_X" >${stage.sshd.dir}/seen\nexec /usr/lib/openssh/sftp-server\n`,
        {
          mode: 0o755,
        },
      )
      const gateway = await sshGatewayThat({ sshd: own, rules: ['{ name: everything, then: allow }'] })
      await gateway.client('sftp', ['-q', '-o', 'SetEnv=FOO_X=seen', '-b', '-', 'web'], 'pwd')
      await gateway.stop()
      assert.equal(readFileSync(path.join(stage.sshd.dir, 'seen'), 'utf8'), 'seen\n')
    } finally {
      await own.stop()
    }
  })
})
