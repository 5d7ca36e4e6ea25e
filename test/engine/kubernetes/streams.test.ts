// Streams by real kubectl of two versions, the old one over SPDY/3.1 and the new one over WebSocket, to real processes behind the stand-in's
// kubelet: judged before anything is switched, masked across the pieces output comes in, recorded.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { after, before, beforeEach, describe, it } from 'node:test'
import { WebSocketReader } from '../../../gateway/wire/kubernetes/websocket-frames.ts'
import { startKubelet } from '../../../world/kubernetes/kubelet.ts'
import type { Kubelet } from '../../../world/kubernetes/kubelet.ts'
import { kubectls } from './kubectls.ts'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway, Ran } from './kubernetes-gateway.ts'

const CARD = '4111111111111111'
const cards = {
  name: 'cards',
  on: null,
  columns: [],
  patterns: [{ kind: 'builtin' as const, name: 'credit-card' }],
  fields: [],
  with: { kind: 'redact' as const },
  unless: [],
  inference: 'allow' as const,
}

for (const { path: program, version } of kubectls()) {
  describe(`streams of kubectl ${version} through the gateway`, () => {
    let gateway: KubernetesGateway
    let kubelet: Kubelet
    let echo: net.Server
    let folder: string
    before(async () => {
      gateway = await kubernetesGateway({ masks: [cards] })
      folder = mkdtempSync(path.join(os.tmpdir(), 'sallyport-pod-'))
      echo = net.createServer({ allowHalfOpen: true }, socket => socket.pipe(socket)).listen(0, '127.0.0.1')
      await once(echo, 'listening')
      const main = ['sh', '-c', 'echo ready; cat']
      kubelet = startKubelet({ folder, pieces: 5, main, ports: new Map([[8080, (echo.address() as AddressInfo).port]]) })
      gateway.world.kubelet = kubelet.handle
      gateway.world.put('Pod', {
        metadata: { name: 'web-0', namespace: 'shop' },
        spec: { containers: [{ name: 'c', image: 'x', stdin: true, tty: false }] },
        status: { phase: 'Running' },
      })
    })
    beforeEach(() => {
      gateway.decide = () => 'allow'
      gateway.world.seen.length = 0
      gateway.recorder.kept.length = 0
      gateway.recorder.terminals.length = 0
    })
    after(async () => {
      kubelet.stop()
      await gateway.stop()
      echo.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const kubectl = (args: readonly string[], input = ''): Promise<Ran> => gateway.kubectl(['-n', 'shop', ...args], { program, input })
    const onTerminal = (args: readonly string[], input: string): Promise<Ran> =>
      gateway.kubectl(['-qefc', ['stty rows 33 cols 101;', program, '-n', 'shop', ...args].join(' '), '/dev/null'], {
        program: 'script',
        input,
      })
    /** The client may be gone before the last words are recorded. */
    const recorded = (): Promise<unknown> => gateway.recorder.seen(event => event.kind === 'result' && event.tag.includes('bytes in'))
    const results = (): string[] => gateway.recorder.of('result').map(({ tag }) => tag)
    const kept = (stream: string): string[] =>
      gateway.recorder.of('rows').flatMap(({ rows }) => rows.flatMap(([name, text]) => (name === stream ? [text ?? ''] : [])))

    it('covers a value that comes in pieces, and records what the client saw', async () => {
      const ran = await kubectl(['exec', 'web-0', '--', 'sh', '-c', `echo card ${CARD} ok; echo oops ${CARD} >&2; exit 3`])
      assert.equal(ran.stdout, 'card [redacted] ok\n', ran.stderr)
      assert.match(ran.stderr, /^oops \[redacted\]$/m)
      assert.equal(ran.status, 3)
      await recorded()
      assert.deepEqual([kept('stdout'), kept('stderr')], [['card [redacted] ok\n'], ['oops [redacted]\n']])
      assert.match(results().join(), /exit status 3; 0 bytes in, 35 bytes out/)
      assert.deepEqual(
        gateway.recorder.of('mask').map(({ rule, values }) => [rule, values]),
        [['cards', 2]],
      )
      assert.ok(gateway.recorder.of('rows').every(row => !JSON.stringify(row).includes(CARD)))
      assert.equal(gateway.recorder.terminals.length, 0)
    })

    it('speaks the protocol of the client to the end', () => {
      const isOld = Number(version.split('.')[1]) < 31
      assert.match(kubelet.spoken.at(-1) ?? '', isOld ? /^exec SPDY\/3\.1$/ : /^exec v5\.channel\.k8s\.io$/)
    })

    it('carries standard input, its end and the exit status', async () => {
      const ran = await kubectl(['exec', '-i', 'web-0', '--', 'cat'], 'one\ntwo without end')
      assert.equal(ran.stdout, 'one\ntwo without end', ran.stderr)
      assert.equal(ran.status, 0)
      await recorded()
      assert.equal(kept('stdin').join(''), 'one\ntwo without end')
      assert.match(results().join(), /exit status 0; 19 bytes in, 19 bytes out/)
    })

    it('keeps a terminal as a cast: its size, what was typed, what was shown', async () => {
      const ran = await onTerminal(['exec', '-it', 'web-0', '--', 'sh'], `echo a$((1+1))b\necho ${CARD}\nexit 7\n`)
      assert.equal(ran.status, 7, ran.stdout + ran.stderr)
      assert.match(ran.stdout, /a2b/)
      await recorded()
      const [terminal] = gateway.recorder.terminals
      assert.ok(terminal !== undefined)
      assert.match(terminal.output, /a2b/)
      assert.match(terminal.output, /^\$ \[redacted\]/m)
      assert.ok(!(terminal.output + terminal.input).includes(CARD))
      assert.match(terminal.input, /echo a\$\(\(1\+1\)\)b/)
      assert.ok(terminal.isClosed)
      assert.ok([terminal.size, ...terminal.sizes].some(({ columns, rows }) => columns === 101 && rows === 33))
      assert.ok(kubelet.sizes.includes('{"Width":101,"Height":33}'), kubelet.sizes.join())
      assert.match(results().join(), /exit status 7;/)
      assert.equal(gateway.recorder.of('rows').filter(({ columns }) => columns[0] === 'stream').length, 0)
    })

    it('attaches to what runs already', async () => {
      const ran = await kubectl(['attach', '-i', 'web-0'], `typed ${CARD}\n`)
      assert.equal(ran.status, 0, ran.stderr)
      assert.match(ran.stdout, /^ready$[^]*^typed \[redacted\]$/m)
      await recorded()
      assert.deepEqual(kept('stdin'), ['typed [redacted]\n'], 'what is typed is not changed on its way, and not recorded plainly')
    })

    it('copies files both ways, byte for byte', async () => {
      const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7_919) % 251))
      writeFileSync(path.join(folder, 'local.bin'), bytes)
      const up = await kubectl(['cp', path.join(folder, 'local.bin'), 'web-0:up.bin'])
      assert.equal(up.status, 0, up.stderr)
      assert.ok(readFileSync(path.join(folder, 'up.bin')).equals(bytes))
      const down = await kubectl(['cp', 'web-0:up.bin', path.join(folder, 'down.bin')])
      assert.equal(down.status, 0, down.stderr)
      assert.ok(readFileSync(path.join(folder, 'down.bin')).equals(bytes))
      await gateway.recorder.seen(event => event.kind === 'result' && /; 0 bytes in, 2\d{5} bytes out/.test(event.tag))
      assert.ok(gateway.recorder.of('command').some(({ text }) => text.includes('$ tar')))
      assert.match(kept('stdout').at(-1) ?? '', /bytes that are no text/)
    })

    it('does not hand out a file with something hidden in it, and says why', async () => {
      writeFileSync(path.join(folder, 'paid.txt'), `paid with ${CARD}\n`)
      const ran = await kubectl(['cp', 'web-0:paid.txt', path.join(folder, 'stolen.txt')])
      assert.match(ran.stderr, /a file holds what rule cards hides/)
      let stolen = ''
      try {
        stolen = readFileSync(path.join(folder, 'stolen.txt'), 'utf8')
      } catch {
        // It was never written.
      }
      assert.ok(!stolen.includes(CARD))
      await gateway.recorder.seen(event => event.kind === 'error' && event.code === 'MASK_UNPROVEN')
      assert.ok(gateway.recorder.of('error').some(({ code }) => code === 'MASK_UNPROVEN'))
    })

    it('forwards a port, and counts what goes over it', async () => {
      const child = spawn(program, ['-n', 'shop', 'port-forward', 'pod/web-0', ':8080'], { env: gateway.environment })
      try {
        let said = ''
        child.stderr.on('data', (text: Buffer) => (said += text.toString()))
        const port = await new Promise<number>((resolve, reject) => {
          child.stdout.on('data', (text: Buffer) => {
            const found = /127\.0\.0\.1:(\d+) -> 8080/.exec(text.toString())
            if (found !== null) resolve(Number(found[1]))
          })
          child.once('close', () => reject(new Error(said)))
        })
        for (const text of ['hello', 'again']) {
          const socket = net.connect(port, '127.0.0.1')
          socket.end(text)
          let answer = ''
          for await (const chunk of socket) answer += String(chunk)
          assert.equal(answer, text, said)
        }
      } finally {
        child.kill()
      }
      await recorded()
      const counted = gateway.recorder.of('rows').find(({ columns }) => columns[0] === 'port')
      assert.deepEqual(counted?.rows, [['8080', '2', '10', '10']])
      assert.match(results().join(), /101 Switching Protocols; 10 bytes in, 10 bytes out/)
    })

    it('follows logs as they come, covered', async () => {
      gateway.world.logs = 'started\n'
      const child = spawn(program, ['-n', 'shop', 'logs', '-f', 'web-0'], { env: gateway.environment })
      let text = ''
      for await (const chunk of child.stdout) {
        text += String(chunk)
        if (text === 'started\n') gateway.world.log(`paid with ${CARD}\n`)
        else if (text.endsWith('[redacted]\n')) gateway.world.endLogs()
      }
      assert.equal(text, 'started\npaid with [redacted]\n')
    })

    it('judges the words of the command, and switches nothing when they are denied', async () => {
      const argvs: (readonly string[])[] = []
      gateway.decide = ({ resource, argv }) => {
        if (!resource.startsWith('pods/')) return 'allow'
        argvs.push(argv)
        return 'deny'
      }
      for (const args of [
        ['exec', 'web-0', '--', 'echo', 'a b'],
        ['attach', 'web-0'],
        ['port-forward', 'web-0', ':8080'],
      ]) {
        const ran = await kubectl(args)
        assert.notEqual(ran.status, 0)
        assert.match(ran.stderr, /sallyport: denied by rule no-writes/)
      }
      assert.deepEqual(argvs[0], ['echo', 'a b'])
      assert.ok(!gateway.world.seen.some(({ target }) => /\/(?:exec|attach|portforward)/.test(target)))
    })

    it('holds a command until people have answered, and then switches', async () => {
      gateway.decide = ({ resource }) => (resource === 'pods/exec' ? 'ask' : 'allow')
      const running = kubectl(['exec', 'web-0', '--', 'echo', 'approved'])
      const { request, answer } = await gateway.people.request(gateway.people.asked.length + 1)
      assert.match(request.flagged.text, /\n\$ echo approved$/)
      assert.ok(!gateway.world.seen.some(({ target }) => target.includes('/exec')))
      answer({ outcome: 'approved', by: [], at: new Date() })
      assert.equal((await running).stdout, 'approved\n')
    })

    it('ends the stream when it cannot be recorded', async () => {
      gateway.recorder.failAt(({ kind }) => kind === 'session.close')
      gateway.recorder.hasFailed = true
      const ran = await kubectl(['exec', 'web-0', '--', 'echo', 'unseen'])
      assert.notEqual(ran.status, 0)
      assert.ok(!ran.stdout.includes('unseen'))
      gateway.recorder.hasFailed = false
    })
  })
}

describe('streams that nobody could read', () => {
  let gateway: KubernetesGateway
  before(async () => {
    gateway = await kubernetesGateway({ masks: [cards] })
  })
  after(() => gateway.stop())

  it('but logs over WebSocket are, covered and recorded, with and without a name for it', async () => {
    const kubelet = startKubelet({ folder: os.tmpdir(), pieces: 7, logs: `started\npaid with ${CARD}\nno end` })
    gateway.world.kubelet = kubelet.handle
    for (const protocol of ['binary.k8s.io', 'binary.k8s.io, base64.binary.k8s.io', null]) {
      gateway.recorder.kept.length = 0
      const request = https.request({
        host: '127.0.0.1',
        port: gateway.port,
        ca: gateway.authority,
        agent: false,
        path: '/api/v1/namespaces/shop/pods/web-0/log?follow=true',
        headers: {
          authorization: `Bearer ${gateway.ticket}`,
          connection: 'Upgrade',
          upgrade: 'websocket',
          ...(protocol === null ? {} : { 'sec-websocket-protocol': protocol }),
        },
      })
      request.end()
      const [, socket, head] = (await once(request, 'upgrade')) as [unknown, Duplex, Buffer]
      const reader = new WebSocketReader()
      let shown = ''
      const take = (chunk: Buffer): void => {
        for (const { opcode, payload } of reader.push(chunk)) if (opcode <= 2) shown += payload.toString()
      }
      take(head)
      for await (const chunk of socket) take(chunk as Buffer)
      assert.equal(shown, 'started\npaid with [redacted]\nno end')
      await gateway.recorder.seen(({ kind }) => kind === 'result')
      assert.ok(!gateway.recorded().includes(CARD))
      assert.ok(gateway.recorder.of('rows').some(({ rows }) => rows[0]?.[1] === shown))
    }
    assert.deepEqual(kubelet.spoken, ['log binary.k8s.io', 'log binary.k8s.io', 'log '])
    kubelet.stop()
    gateway.world.seen.length = 0
  })

  it('are not carried', async () => {
    for (const [target, headers] of [
      ['/api/v1/namespaces/shop/pods/web-0/proxy/x', { upgrade: 'websocket' }],
      ['/api/v1/namespaces/shop/secrets?watch=1', { upgrade: 'websocket' }],
      ['/api/v1/namespaces/shop/pods/web-0/exec?command=id', { upgrade: 'h2c' }],
      ['/api/v1/namespaces/shop/pods/web-0/exec?command=id', { upgrade: 'websocket', 'sec-websocket-protocol': 'base64.channel.k8s.io' }],
      ['/api/v1/namespaces/shop/pods/web-0/exec?command=id', { upgrade: 'websocket' }],
    ] as const) {
      const answered = await gateway.request('GET', target, { headers: { connection: 'Upgrade', ...headers } })
      assert.equal(answered.status, 400, target)
    }
    assert.equal(gateway.world.seen.length, 0)
  })
})
