// exec, attach, cp, logs, port-forward and watches of real kubectl, old (SPDY) and new (WebSocket), direct and through the gateway, to a node
// that speaks a kubelet's protocols.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import type { Container } from '../../world/kubernetes/node.ts'
import { settled } from './compare.ts'
import { openStage } from './stage.ts'
import type { Ran, RealStage, RunOptions, Way } from './stage.ts'

const ways: readonly Way[] = ['direct', 'open']

describe('streams of kubectl with and without the gateway, against a real API server', () => {
  let stage: RealStage
  let container: Container
  const large = randomBytes(3_000_000)
  before(async () => {
    stage = await openStage()
    container = await stage.pod('web')
    for (const line of ['one', 'two', 'three ✓']) container.log(line)
  })
  after(() => stage.stop())

  async function assertSame(
    program: string,
    args: readonly string[],
    options: RunOptions & { readonly status?: number } = {},
  ): Promise<Ran> {
    const [direct, through] = await Promise.all(
      ways.map(async way => {
        const ran = await stage.run(program, way, ['-n', 'shop', ...args], options)
        return { ...ran, stdout: settled(ran.stdout, 'NS', way), stderr: settled(ran.stderr, 'NS', way) }
      }),
    )
    assert.ok(direct !== undefined && through !== undefined)
    assert.deepEqual(through, direct, `${path.basename(program)} ${args.join(' ')}`)
    assert.equal(direct.status, options.status ?? 0, direct.stderr)
    return direct
  }

  for (const version of ['oldest', 'newest'] as const) {
    describe(`the ${version} kubectl`, () => {
      const program = (): string => stage.kubectls.at(version === 'oldest' ? 0 : -1) ?? ''

      it('reads logs', async () => {
        assert.match((await assertSame(program(), ['logs', 'web'])).stdout, /^one\ntwo\nthree ✓\n/)
        await assertSame(program(), ['logs', 'web', '--tail=1'])
        await assertSame(program(), ['logs', 'web', '-c', 'app', '--timestamps=false'])
        await assertSame(program(), ['logs', '-l', 'app=web', '--prefix'])
        await assertSame(program(), ['logs', 'web', '-c', 'none'], { status: 1 })
        await assertSame(program(), ['logs', 'missing'], { status: 1 })
      })

      it('follows logs line by line as they come', async () => {
        for (const way of ways) {
          const followed = await stage.pod(`log-${way}-${version}`)
          followed.log('first')
          let told = 0
          const ran = await stage.run(program(), way, ['-n', 'shop', 'logs', '-f', `log-${way}-${version}`], {
            // Each line that arrives brings the next.
            until: text => {
              const lines = text.split('\n').length - 1
              if (lines > told && lines < 5) {
                told = lines
                followed.log(`line ${lines}`)
              }
              return lines >= 5
            },
          })
          assert.equal(ran.stdout, 'first\nline 1\nline 2\nline 3\nline 4\n', ran.stderr)
        }
      })

      it('sees the end of a log that it follows', async () => {
        const ended = await stage.pod(`ended-${version}`)
        ended.log('the only line')
        ended.endLog()
        await assertSame(program(), ['logs', '-f', `ended-${version}`])
      })

      it('runs commands: output, errors, exit status, arguments as they stand', async () => {
        const ran = await assertSame(program(), ['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'], { status: 3 })
        assert.equal(ran.stdout, 'out\n')
        assert.match(ran.stderr, /^err\n/)
        await assertSame(program(), ['exec', 'web', '--', 'printf', '%s|', 'a b', '', '$HOME', 'ü', '"', "'"])
        await assertSame(program(), ['exec', 'web', '--', 'no-such-program'], { status: 1 })
        await assertSame(program(), ['exec', 'missing', '--', 'true'], { status: 1 })
      })

      it('sends input and reads it back', async () => {
        const ran = await assertSame(program(), ['exec', '-i', 'web', '--', 'head', '-c', '12'], { input: 'hello\nworld\nand more\n' })
        assert.equal(ran.stdout, 'hello\nworld\n')
        const long = large.toString('base64')
        const counted = await assertSame(program(), ['exec', '-i', 'web', '--', 'sh', '-c', `head -c ${long.length} | sha256sum`], {
          input: long,
        })
        assert.match(counted.stdout, new RegExp(createHash('sha256').update(long).digest('hex')))
      })

      it('reads much output', async () => {
        const ran = await assertSame(program(), ['exec', 'web', '--', 'sh', '-c', 'seq 1 300000'])
        assert.equal(ran.stdout.length, 1_988_895)
      })

      it('opens a terminal, whose size the container learns', async () => {
        for (const way of ways) {
          const words = [
            program(),
            '--context',
            way,
            '-n',
            'shop',
            'exec',
            '-it',
            'web',
            '--',
            'sh',
            '-c',
            'tty; read line; echo "got $line"',
          ]
          const child = spawn(
            'script',
            ['-qefc', `stty cols 91 rows 17; ${words.join(' ').replace('tty; read', "'tty; read").concat("'")}`, '/dev/null'],
            {
              cwd: stage.dir,
              env: { PATH: process.env['PATH'] ?? '', HOME: stage.dir, KUBECONFIG: stage.kubeconfig(way), TERM: 'dumb' },
            },
          )
          let seen = ''
          child.stdout.setEncoding('utf8').on('data', (text: string) => {
            if (!seen.includes('/dev/pts/') && (seen + text).includes('/dev/pts/')) child.stdin.write('hello\n')
            seen += text
          })
          const [status] = await once(child, 'close')
          assert.equal(status, 0, seen)
          assert.match(seen, /\/dev\/pts\/\d+\r\n(?:hello\r\n)+got hello\r\n$/)
          assert.ok(
            container.sizes.some(size => size.includes('"Width":91') && size.includes('"Height":17')),
            container.sizes.join(' '),
          )
          container.sizes.length = 0
        }
      })

      it('attaches to what runs', async () => {
        const ran = await assertSame(program(), ['attach', '-i', 'web', '-c', 'app'], {
          input: 'to the container\n',
          until: text => text.includes('to the container\n'),
        })
        assert.match(ran.stdout, /to the container\n$/)
      })

      it('copies files and folders there and back', async () => {
        for (const way of ways) {
          const from = path.join(stage.dir, `from-${way}-${version}`)
          mkdirSync(path.join(from, 'deep/er'), { recursive: true })
          writeFileSync(path.join(from, 'large'), large)
          writeFileSync(path.join(from, 'deep/er/ümlaut file'), 'text\n')
          const there = await stage.run(program(), way, ['-n', 'shop', 'cp', path.basename(from), `web:copied-${way}`])
          assert.equal(there.status, 0, there.stderr)
          assert.deepEqual(readFileSync(path.join(container.dir, `copied-${way}`, 'large')), large)
          const back = await stage.run(program(), way, ['-n', 'shop', 'cp', `web:copied-${way}`, `back-${way}-${version}`])
          assert.equal(back.status, 0, back.stderr)
          const returned = path.join(stage.dir, `back-${way}-${version}`)
          assert.deepEqual(readFileSync(path.join(returned, 'large')), large)
          assert.equal(readFileSync(path.join(returned, 'deep/er/ümlaut file'), 'utf8'), 'text\n')
        }
      })

      it('forwards ports: many connections, much content, and ports where nothing listens', async () => {
        const service = http.createServer((request, response) => {
          if (request.url === '/large') response.end(large)
          else request.pipe(response)
        })
        service.listen(0, '127.0.0.1')
        await once(service, 'listening')
        container.ports.set(8080, (service.address() as AddressInfo).port)
        try {
          for (const way of ways) await assertForwards(program(), way)
        } finally {
          service.closeAllConnections()
          service.close()
        }
      })

      it('sees objects come and go while it watches', async () => {
        for (const way of ways) {
          const progress = { isSeen: false }
          const name = `seen-${way}-${version}`
          const at = '/api/v1/namespaces/shop/configmaps'
          const ran = await stage.run(program(), way, ['-n', 'shop', 'get', 'configmaps', '--watch-only', '--output-watch-events'], {
            until: text => (progress.isSeen = ['ADDED', 'MODIFIED', 'DELETED'].every(event => text.includes(event))),
            meanwhile: async () => {
              // A watch that begins late misses the first of them, not the next.
              while (!progress.isSeen) {
                await stage.api.ask('POST', at, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
                await stage.api.ask('PATCH', `${at}/${name}`, { data: { a: 'b' } }, 'application/merge-patch+json')
                await stage.api.ask('DELETE', `${at}/${name}`)
                await new Promise(resolve => setTimeout(resolve, 200))
              }
            },
          })
          for (const event of ['ADDED', 'MODIFIED', 'DELETED']) assert.match(ran.stdout, new RegExp(`${event} +${name}`), ran.stderr)
        }
      })

      it('waits until a condition holds, and until a pod is gone', async () => {
        await assertSame(program(), ['wait', '--for=condition=Ready', 'pod/web', '--timeout=20s'])
        for (const way of ways) {
          const name = `gone-${way}-${version}`
          await stage.pod(name)
          const waiting = stage.run(program(), way, ['-n', 'shop', 'wait', '--for=delete', `pod/${name}`, '--timeout=60s'])
          while (!stage.api.audit().some(({ verb, objectRef }) => verb === 'watch' && objectRef?.name === name)) {
            await new Promise(resolve => setTimeout(resolve, 100))
          }
          await stage.api.ask('DELETE', `/api/v1/namespaces/shop/pods/${name}?gracePeriodSeconds=0`)
          const ran = await waiting
          assert.equal(ran.status, 0, ran.stderr)
        }
      })
    })
  }

  it('reached the node by SPDY with the old client and by WebSocket with the new one', () => {
    for (const kind of ['/exec/', '/attach/', '/portForward/']) {
      const asked = stage.node.seen.filter(line => line.includes(kind))
      assert.ok(
        asked.some(line => line.endsWith('SPDY/3.1')),
        `${kind} over SPDY`,
      )
      assert.ok(
        asked.some(line => /websocket$/i.test(line)),
        `${kind} over WebSocket`,
      )
    }
  })

  it('left every command in the recording, which verifies', async () => {
    const events = await stage.seal()
    for (const words of ['exec?command=printf', 'pods/web/attach', 'pods/web/portforward', 'pods/web/log'])
      assert.ok(events.includes(words), words)
    const verified = await stage.verify()
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
  })

  async function assertForwards(program: string, way: Way): Promise<void> {
    const child = spawn(program, ['--context', way, '-n', 'shop', 'port-forward', 'pod/web', ':8080', ':9'], {
      cwd: stage.dir,
      env: { PATH: process.env['PATH'] ?? '', HOME: stage.dir, KUBECONFIG: stage.kubeconfig(way) },
    })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    const ended = once(child, 'close')
    const ports: number[] = []
    for await (const line of createInterface(child.stdout)) {
      const port = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      if (port !== undefined) ports.push(Number(port))
      if (ports.length === 2) break
    }
    try {
      const base = `http://127.0.0.1:${ports[0]}`
      const answers = await Promise.all(
        Array.from({ length: 12 }, async (_, index) => {
          const body = `request ${index} `.repeat(1_000)
          const answered = await fetch(base, { method: 'POST', body })
          return (await answered.text()) === body
        }),
      )
      assert.ok(answers.every(isSame => isSame))
      const got = Buffer.from(await (await fetch(`${base}/large`)).arrayBuffer())
      assert.ok(got.equals(large))
      // Nothing listens there: the connection ends without a byte, and kubectl says why.
      const dead = net.connect(ports[1] ?? 0, '127.0.0.1')
      dead.on('error', () => undefined)
      dead.write('x')
      let bytes = 0
      dead.on('data', piece => (bytes += piece.length))
      await once(dead, 'close')
      assert.equal(bytes, 0)
      assert.match(errors, /error forwarding port 9: connection refused|lost connection to pod/)
    } finally {
      child.kill('SIGINT')
      await ended
    }
  }
})
