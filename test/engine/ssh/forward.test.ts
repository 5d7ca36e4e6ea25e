import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import ssh2 from 'ssh2'
import { approved, rejected } from '../../session/people.ts'
import { runProgram } from './gateway-that.ts'
import type { SshGateway } from './gateway-that.ts'
import { sshdStage } from './sshd-stage.ts'

const RUN = '{ name: run, ssh: { requests: [exec] }, then: allow }'
const forwardTo = (...commands: readonly string[]): string =>
  `{ name: forwards, ssh: { requests: [forward], commands: ${JSON.stringify(commands)} }, then: allow }`

/** A server that answers what it is sent in capitals, once its client has ended; so both halves of a connection are needed. */
async function startEcho(place: { readonly port: number } | { readonly path: string }): Promise<{ port: number; stop: () => void }> {
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    let said = ''
    socket.setEncoding('utf8').on('data', (text: string) => (said += text))
    socket.on('end', () => socket.end(said.toUpperCase()))
    socket.on('error', () => {})
  })
  server.listen('path' in place ? place.path : place)
  await once(server, 'listening')
  const address = server.address() as AddressInfo | string
  return { port: typeof address === 'string' ? 0 : address.port, stop: () => server.close() }
}

/** Says something to a place and reads until its end. */
function exchange(place: { readonly port: number } | { readonly path: string }, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = ''
    const socket = net.connect('path' in place ? { path: place.path } : { host: '127.0.0.1', port: place.port })
    socket.setEncoding('utf8').on('data', (piece: string) => (heard += piece))
    socket.once('connect', () => socket.end(text))
    socket.once('end', () => resolve(heard))
    socket.once('error', reject)
  })
}

describe('forwards through the gateway', () => {
  const clients: ChildProcess[] = []
  const closing: (() => void)[] = []
  after(() => {
    for (const client of clients) client.kill('SIGKILL')
    for (const close of closing) close()
  })
  const stage = sshdStage({ settings: ['StreamLocalBindUnlink yes'] })
  const { gatewayOf } = stage

  /** A client that stays: it prints a line once its forwards stand. */
  const staying = async (
    gateway: SshGateway,
    ...args: readonly string[]
  ): Promise<{ child: ChildProcess; stderr: () => string; end: () => Promise<void> }> => {
    const child = spawn('ssh', [...gateway.config, '-o', 'ExitOnForwardFailure=yes', ...args, 'web', 'echo up; cat'], { stdio: 'pipe' })
    clients.push(child)
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const closed = once(child, 'close')
    await Promise.race([once(child.stdout, 'data'), closed])
    return {
      child,
      stderr: () => stderr,
      async end() {
        child.stdin.end()
        await closed
      },
    }
  }
  const results = (gateway: SshGateway): string[] => gateway.recorder.of('result').map(({ tag }) => tag)

  it('lets a client connect through the target to an address that a rule names, half-closed ends and all', async () => {
    const echo = await startEcho({ port: 0 })
    const gateway = await gatewayOf(RUN, forwardTo(`tcp 127.0.0.1:${echo.port}`))
    const ran = await gateway.client('ssh', ['-W', `127.0.0.1:${echo.port}`, 'web'], 'hello')
    assert.equal(ran.stdout.toString(), 'HELLO')
    const refused = await gateway.client('ssh', ['-W', '127.0.0.1:1', 'web'], '')
    assert.match(refused.stderr, /open failed: administratively prohibited: sallyport: denied by rule default/)
    echo.stop()
    const gone = await gateway.client('ssh', ['-W', `127.0.0.1:${echo.port}`, 'web'], '')
    assert.match(gone.stderr, /open failed: connect failed: Connection refused/)
    assert.deepEqual(
      gateway.recorder.of('command').map(({ text }) => text),
      [`forward tcp 127.0.0.1:${echo.port}`, 'forward tcp 127.0.0.1:1', `forward tcp 127.0.0.1:${echo.port}`],
    )
    assert.match(results(gateway)[0] ?? '', /^closed, 5 bytes sent, 5 received$/)
  })

  it('judges an address however it is written', async () => {
    const gateway = await gatewayOf(
      forwardTo('**'),
      '{ name: not-there, ssh: { requests: [forward], commands: ["tcp 127.0.0.1:*"] }, then: deny }',
    )
    for (const host of ['127.0.0.1', '127.1', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]']) {
      const ran = await gateway.client('ssh', ['-W', `${host}:${stage.sshd.port}`, 'web'], '')
      assert.match(ran.stderr, /denied by rule not-there/, host)
      assert.equal(ran.stdout.length, 0)
    }
  })

  it('serves a proxy of a client (-D), each destination judged by itself', async () => {
    const echo = await startEcho({ port: 0 })
    const gateway = await gatewayOf(RUN, forwardTo(`tcp 127.0.0.1:${echo.port}`))
    const proxy = path.join(gateway.dir, 'socks')
    const client = await staying(gateway, '-D', proxy)
    const throughSocks = (port: number): Promise<Buffer> =>
      new Promise(resolve => {
        const socket = net.connect({ path: proxy, allowHalfOpen: true })
        const heard: Buffer[] = []
        socket.on('data', chunk => heard.push(chunk))
        // SOCKS 5 without a login, connect to 127.0.0.1.
        socket.write(Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 0xff]))
        socket.once('data', () => socket.end('by proxy'))
        socket.once('close', () => resolve(Buffer.concat(heard)))
        socket.on('error', () => {})
        socket.on('end', () => socket.end())
      })
    assert.ok((await throughSocks(echo.port)).includes('BY PROXY'))
    assert.ok(!(await throughSocks(1)).includes('BY PROXY'))
    await client.end()
    assert.match(client.stderr(), /denied by rule default/)
    echo.stop()
  })

  it('listens on the target where a rule allows the place, and counts what comes', async () => {
    const echo = await startEcho({ port: 0 })
    const gateway = await gatewayOf(RUN, forwardTo('tcp-listen localhost:*'))
    const client = await staying(gateway, '-R', `0:127.0.0.1:${echo.port}`)
    const port = Number(/Allocated port (\d+)/.exec(client.stderr())?.[1])
    assert.ok(port > 0, client.stderr())
    assert.equal(await exchange({ port }, 'from the target'), 'FROM THE TARGET')
    assert.equal(await exchange({ port }, 'again'), 'AGAIN')
    await client.end()
    echo.stop()
    assert.ok(gateway.recorder.of('command').some(({ text }) => text === 'forward tcp-listen localhost:0'))
    const rows = gateway.recorder.of('rows').filter(({ columns }) => columns[0] === 'from')
    assert.deepEqual(
      rows.map(({ rows: [row] }) => row?.slice(1)),
      [
        ['15', '15'],
        ['5', '5'],
      ],
    )
    await gateway.stop()
    assert.ok(results(gateway).includes('closed, 2 connections, 20 bytes sent, 20 received'), results(gateway).join('\n'))
    await assert.rejects(exchange({ port }, 'x'))
  })

  it('does not listen where no rule allows it, and a rule for destinations is none for places', async () => {
    const gateway = await gatewayOf(RUN, forwardTo('tcp *', 'tcp-listen localhost:1', 'unix *'))
    const refused = await gateway.client('ssh', ['-n', '-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', 'web', 'echo ran'], null)
    assert.equal(refused.status, 255)
    const told = await gateway.client('ssh', ['-n', '-R', '0:127.0.0.1:1', 'web', 'echo ran'], null)
    assert.match(told.stderr, /sallyport: denied by rule default/)
    assert.equal(told.stdout.toString(), 'ran\n')
    const socket = path.join(stage.sshd.dir, 'denied.sock')
    await gateway.client('ssh', ['-n', '-R', `${socket}:127.0.0.1:1`, 'web', 'true'], null)
    assert.equal(existsSync(socket), false)
  })

  it('holds a forward until people answer, and says so beside the client’s command', async () => {
    const echo = await startEcho({ port: 0 })
    const gateway = await gatewayOf(RUN, '{ name: ask-first, ssh: { requests: [forward] }, then: ask, approvers: ops }')
    const go = path.join(stage.sshd.dir, 'answered')
    const line = `until test -e ${go}; do sleep 0.1; done; echo ran`
    const running = gateway.client('ssh', ['-n', '-R', `0:127.0.0.1:${echo.port}`, 'web', line], null)
    const asked = await gateway.people.request(1)
    asked.answer(rejected)
    await gateway.recorder.seen(({ kind }) => kind === 'answer')
    writeFileSync(go, '')
    const ran = await running
    assert.match(ran.stderr, /sallyport: held by rule ask-first.*\(forward tcp-listen localhost:0\)/)
    assert.match(ran.stderr, /sallyport: rejected by @dana/)
    assert.equal(ran.stdout.toString(), 'ran\n')
    const through = gateway.client('ssh', ['-W', `127.0.0.1:${echo.port}`, 'web'], 'after an answer')
    ;(await gateway.people.request(2)).answer(approved)
    assert.equal((await through).stdout.toString(), 'AFTER AN ANSWER')
    echo.stop()
  })

  it('carries sockets both ways where a rule names their path', async () => {
    const there = path.join(stage.sshd.dir, 'there.sock')
    const back = path.join(stage.sshd.dir, 'back.sock')
    const echo = await startEcho({ path: there })
    const gateway = await gatewayOf(RUN, forwardTo(`unix ${there}`, `unix-listen ${back}`))
    const local = path.join(gateway.dir, 'local.sock')
    const dotted = path.join(gateway.dir, 'dotted.sock')
    const client = await staying(
      gateway,
      '-L',
      `${local}:${there}`,
      '-L',
      `${dotted}:${stage.sshd.dir}/./there.sock`,
      '-R',
      `${back}:${there}`,
    )
    assert.equal(await exchange({ path: local }, 'by socket'), 'BY SOCKET')
    assert.equal(await exchange({ path: back }, 'and back'), 'AND BACK')
    assert.equal(await exchange({ path: dotted }, 'x').catch(() => ''), '')
    await client.end()
    echo.stop()
    assert.ok(gateway.recorder.of('error').some(({ message }) => message.includes('no plain path of a socket')))
  })

  it('has a bound on what one client may open, and records what is above it', async () => {
    const echo = await startEcho({ port: 0 })
    const gateway = await gatewayOf(forwardTo(`tcp 127.0.0.1:${echo.port}`))
    const client = new ssh2.Client()
    client.on('error', () => {})
    client.connect({ host: '127.0.0.1', port: gateway.port, username: stage.sshd.user, password: gateway.ticket })
    await once(client, 'ready')
    const opened = await Promise.all(
      Array.from(
        { length: 70 },
        () =>
          new Promise<string>(resolve => {
            client.forwardOut('127.0.0.1', 1, '127.0.0.1', echo.port, error => resolve(error === undefined ? 'open' : error.message))
          }),
      ),
    )
    client.end()
    echo.stop()
    assert.equal(opened.filter(answer => answer === 'open').length, 64)
    assert.match(opened.find(answer => answer !== 'open') ?? '', /too many channels/)
    assert.equal(gateway.recorder.of('error').filter(({ message }) => message === 'a client may have 64 channels open').length, 6)
  })

  it('lends the client’s agent where a rule allows it, and only there', async () => {
    const allowed = await gatewayOf(RUN, '{ name: agents, ssh: { requests: [agent] }, then: allow }')
    const denied = await gatewayOf(RUN)
    const line = (gateway: SshGateway): string =>
      `eval $(ssh-agent -s) >/dev/null; ssh-add -q ${stage.sshd.dir}/login; ssh ${gateway.config.join(' ')} -n -A web 'ssh-add -l; ssh-add -l' ; ssh-agent -k >/dev/null`
    const ran = await runProgram('bash', ['-c', line(allowed)], null)
    assert.match(ran.stdout.toString(), /^256 SHA256:\S+ .*\(ED25519\)\n256 SHA256:/, ran.stderr)
    await allowed.stop()
    assert.ok(
      results(allowed).some(tag => tag.startsWith('closed, 2 connections, ')),
      results(allowed).join('\n'),
    )
    const refused = await runProgram('bash', ['-c', line(denied)], null)
    assert.match(refused.stdout.toString() + refused.stderr, /Could not open a connection to your authentication agent/)
    assert.match(refused.stderr, /sallyport: denied by rule default.*\(agent forwarding\)/)
  })

  it('lends the client’s display where a rule allows it, and only there', async () => {
    // A display that only says what it was sent.
    const seen: Buffer[] = []
    const display = net.createServer(socket => socket.on('data', chunk => (seen.push(chunk), socket.end('display'))).on('error', () => {}))
    closing.push(() => display.close())
    let number = 200
    for (; number < 1_000; number += 1) {
      display.listen(6000 + number, '127.0.0.1')
      if (
        await once(display, 'listening').then(
          () => true,
          () => false,
        )
      )
        break
    }
    const program =
      'node -e \'const net=require("net"),[h,n]=process.env.DISPLAY.split(":");const c=require("child_process").execSync(process.argv[1]+"/xauth list "+process.env.DISPLAY).toString().trim().split(/\\s+/)[2];const b=Buffer.from(c,"hex");const s=net.connect(6000+parseInt(n),"127.0.0.1");const head=Buffer.from([108,0,11,0,0,0,18,0,16,0,0,0]);s.write(Buffer.concat([head,Buffer.from("MIT-MAGIC-COOKIE-1\\0\\0"),b]));s.on("data",d=>console.log(d.toString()))\' '
    const run = (gateway: SshGateway): Promise<{ status: number | null; stdout: Buffer; stderr: string }> =>
      runProgram('env', [`DISPLAY=127.0.0.1:${number}`, 'ssh', ...gateway.config, '-n', '-Y', 'web', program + stage.sshd.dir], null)
    const allowed = await gatewayOf('{ name: everything, then: allow }')
    const ran = await run(allowed)
    assert.equal(ran.stdout.toString(), 'display\n', ran.stderr)
    assert.equal(seen.length, 1)
    await allowed.stop()
    assert.ok(
      results(allowed).some(tag => tag.startsWith('closed, 1 connection, ')),
      results(allowed).join('\n'),
    )
    const refused = await run(
      await gatewayOf('{ name: everything, then: allow }', '{ name: no-displays, ssh: { requests: [x11] }, then: deny }'),
    )
    assert.match(refused.stderr, /X11 forwarding request failed/)
    assert.match(refused.stderr, /sallyport: denied by rule no-displays.*\(x11 forwarding\)/)
    assert.equal(seen.length, 1)
  })
})
