import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'
import type { SFTPWrapper } from 'ssh2'
import { PieceWriter, readAll } from '../../../gateway/engine/ssh/flow.ts'
import { startSshd } from '../../../world/sshd/server.ts'
import type { SshServer } from '../../../world/sshd/server.ts'
import { sshGatewayThat } from './gateway-that.ts'
import type { SshGateway } from './gateway-that.ts'

const LARGE_BYTES = 120_000_000
/** Windows and buffers of both legs; a transfer that is not held back needs several times as much. */
const MOST_BYTES = 40_000_000

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

describe('bytes through the gateway', () => {
  let sshd: SshServer
  let gateway: SshGateway
  let large: string
  before(async () => {
    sshd = await startSshd()
    gateway = await sshGatewayThat({ sshd })
    large = path.join(sshd.dir, 'large')
    const file = openSync(large, 'w')
    ftruncateSync(file, LARGE_BYTES)
    closeSync(file)
  })
  after(async () => {
    await gateway.stop()
    await sshd.stop()
  })

  /** Stops the program in the middle, waits until nothing moves, and says how much more the gateway holds than before. */
  async function heldWhileStopped(child: ChildProcess, hasBegun: () => boolean): Promise<number> {
    const before = process.memoryUsage().arrayBuffers
    while (!hasBegun()) await new Promise(resolve => setTimeout(resolve, 5))
    child.kill('SIGSTOP')
    let most = 0
    for (let still = 0, last = -1; still < 5;) {
      await new Promise(resolve => setTimeout(resolve, 100))
      const held = process.memoryUsage().arrayBuffers - before
      most = Math.max(most, held)
      still = Math.abs(held - last) < 100_000 ? still + 1 : 0
      last = held
    }
    child.kill('SIGCONT')
    return most
  }

  it('wait on the target while a client does not read, and all come then', async () => {
    const mark = path.join(sshd.dir, 'sent')
    const child = spawn('ssh', [...gateway.config, '-n', 'web', `cat ${large}; touch ${mark}`], { stdio: ['ignore', 'pipe', 'inherit'] })
    const closed = once(child, 'close')
    let bytes = 0
    child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length))
    const held = await heldWhileStopped(child, () => bytes > 1_000_000)
    assert.equal(existsSync(mark), false)
    assert.ok(held < MOST_BYTES, `${held} bytes held`)
    assert.deepEqual(await closed, [0, null])
    assert.equal(bytes, LARGE_BYTES)
  })

  it('end with the command when its reader leaves in the middle, as they do directly', async () => {
    const child = spawn('ssh', [...gateway.config, '-n', 'web', `cat ${large}`], { stdio: ['ignore', 'pipe', 'inherit'] })
    const closed = once(child, 'close')
    // Read a little, then not at all, until no window has room; only then is the reader gone.
    let bytes = 0
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      child.stdout.pause()
    })
    for (let still = 0, last = -1; still < 5;) {
      await new Promise(resolve => setTimeout(resolve, 100))
      const held = process.memoryUsage().arrayBuffers
      still = bytes > 0 && held === last ? still + 1 : 0
      last = held
    }
    child.stdout.destroy()
    const [status] = (await closed) as [number | null]
    assert.equal(status, 255)
    const tag = gateway.recorder.of('result').at(-1)?.tag ?? ''
    assert.match(tag, /^signal PIPE, 0 bytes in/)
    assert.ok(bytes < LARGE_BYTES)
  })

  it('wait at the client while the target does not read, and all arrive then', async () => {
    const before = process.memoryUsage().arrayBuffers
    const go = path.join(sshd.dir, 'go')
    const child = spawn('ssh', [...gateway.config, 'web', `until test -e ${go}; do sleep 0.1; done; wc -c`], {
      stdio: [openSync(large, 'r'), 'pipe', 'inherit'],
    })
    const closed = once(child, 'close')
    let said = ''
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    let last = -1
    for (let still = 0; still < 5;) {
      await new Promise(resolve => setTimeout(resolve, 100))
      const held = process.memoryUsage().arrayBuffers - before
      assert.ok(held < MOST_BYTES, `${held} bytes held`)
      still = held === last ? still + 1 : 0
      last = held
    }
    writeFileSync(go, '')
    assert.deepEqual(await closed, [0, null])
    assert.equal(said.trim(), `${LARGE_BYTES}`)
  })

  it('of a file wait while its client does not read, and are the file’s then', async () => {
    const to = path.join(sshd.dir, 'copied')
    const child = spawn('scp', [...gateway.config, '-q', `web:${large}`, to], { stdio: 'ignore' })
    const closed = once(child, 'close')
    const held = await heldWhileStopped(child, () => existsSync(to) && statSync(to).size > 1_000_000)
    assert.ok(held < MOST_BYTES, `${held} bytes held`)
    assert.deepEqual(await closed, [0, null])
    assert.deepEqual(readFileSync(to), readFileSync(large))
    const [event] = gateway.recorder.of('file')
    assert.equal(event?.digest, digestOf(readFileSync(large)))
  })
})

describe('a client of files that does not go from begin to end', () => {
  let sshd: SshServer
  let gateway: SshGateway
  let client: ssh2.Client
  let sftp: SFTPWrapper
  before(async () => {
    sshd = await startSshd()
    gateway = await sshGatewayThat({
      sshd,
      rules: ['{ name: most, ssh: { requests: [sftp], operations: [read, write] }, then: allow }'],
    })
    client = new ssh2.Client()
    client.connect({ host: '127.0.0.1', port: gateway.port, username: sshd.user, password: gateway.ticket })
    await once(client, 'ready')
    sftp = await promisify(client.sftp.bind(client))()
  })
  after(async () => {
    client.end()
    await gateway.stop()
    await sshd.stop()
  })

  const openFile = (file: string, flags: 'r' | 'w'): Promise<Buffer> =>
    new Promise((resolve, reject) => sftp.open(file, flags, (error, handle) => (error === undefined ? resolve(handle) : reject(error))))

  it('has no digest of what it wrote out of order, and one of what it wrote in order', async () => {
    const bytes = randomBytes(200_000)
    const write = (handle: Buffer, from: number, to: number): Promise<void> =>
      new Promise((resolve, reject) =>
        sftp.write(handle, bytes, from, to - from, from, error => (error === undefined || error === null ? resolve() : reject(error))),
      )
    for (const [name, cuts] of [
      ['forward', [0, 30_000, 30_001, 100_000, 200_000]],
      ['backward', [200_000, 100_000, 30_001, 30_000, 0]],
    ] as const) {
      const file = path.join(sshd.dir, name)
      const opened = await openFile(file, 'w')
      const pairs = cuts.slice(1).map((end, index) => [Math.min(end, cuts[index] ?? 0), Math.max(end, cuts[index] ?? 0)] as const)
      // All at once, as OpenSSH does: many requests wait for their answers.
      await Promise.all(pairs.map(([from, to]) => write(opened, from, to)))
      await new Promise<void>((resolve, reject) =>
        sftp.close(opened, error => (error === undefined || error === null ? resolve() : reject(error))),
      )
      assert.deepEqual(readFileSync(file), bytes)
    }
    const events = gateway.recorder.of('file').map(({ path: file, bytes: size, digest }) => [path.basename(file), size, digest])
    assert.deepEqual(events, [
      ['forward', bytes.length, digestOf(bytes)],
      ['backward', bytes.length, null],
    ])
  })

  it('gets refusals between the parts of a file, never within one', async () => {
    const bytes = randomBytes(3_000_000)
    const file = path.join(sshd.dir, 'read')
    writeFileSync(file, bytes)
    const handle = await openFile(file, 'r')
    const found = Buffer.alloc(bytes.length)
    const part = 32_000
    const parts = Array.from({ length: Math.ceil(bytes.length / part) }, (_, index) => index * part)
    let refused = 0
    await Promise.all(
      parts.flatMap(at => [
        new Promise<void>((resolve, reject) =>
          sftp.read(handle, found, at, Math.min(part, bytes.length - at), at, error =>
            error === undefined || error === null ? resolve() : reject(error),
          ),
        ),
        new Promise<void>(resolve =>
          sftp.unlink(path.join(sshd.dir, `no-${at}`), error => {
            if (error !== undefined && error !== null && 'code' in error && error.code === 3) refused += 1
            resolve()
          }),
        ),
      ]),
    )
    assert.deepEqual(found, bytes)
    assert.equal(refused, parts.length)
    assert.deepEqual(readFileSync(file), bytes)
  })
})

describe('pieces of a chunk', () => {
  it('are written as one where they lie behind each other, and in their order always', async () => {
    const sink = new PassThrough()
    const written: Buffer[] = []
    sink.on('data', (bytes: Buffer) => written.push(bytes))
    const writer = new PieceWriter(sink)
    const chunk = Buffer.allocUnsafeSlow(100).fill(1)
    writer.add(chunk.subarray(0, 10))
    writer.add(chunk.subarray(10, 60))
    writer.add(Buffer.alloc(0))
    writer.add(chunk.subarray(70, 100))
    assert.equal(writer.flush(), true)
    await new Promise(setImmediate)
    assert.deepEqual(
      written.map(({ length }) => length),
      [60, 30],
    )
  })

  it('are not read on while there is no room', async () => {
    const source = new PassThrough()
    const taken: string[] = []
    let makeRoom = (): void => {}
    const room = new Promise<void>(resolve => (makeRoom = resolve))
    const over = readAll(source, chunk => {
      taken.push(chunk.toString())
      return taken.length === 1 ? room : null
    })
    source.write('one')
    await new Promise(setImmediate)
    source.end('two')
    await new Promise(setImmediate)
    assert.deepEqual(taken, ['one'])
    makeRoom()
    await over
    assert.deepEqual(taken, ['one', 'two'])
  })

  it('end the reading when they cannot be taken', async () => {
    const source = new PassThrough()
    const over = readAll(source, () => {
      throw new Error('no')
    })
    source.write('one')
    await assert.rejects(over, /no/)
    assert.equal(source.listenerCount('data'), 0)
  })
})
