// A node for a real API server: the part of a kubelet that the server passes exec, attach, logs and port-forward on to. Containers are folders
// of this machine, their commands real processes; nothing is scheduled, and nothing of it is isolated.
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import https from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { makeCertificates } from '../tls/certificates.ts'
import { openSpdyChannels, openWebSocketChannels, refuse } from './node-channels.ts'
import type { Channels, Wanted } from './node-channels.ts'
import { forwardPorts } from './port-tunnel.ts'
import { exitStatus } from './exit-status.ts'

export interface Container {
  /** Working folder of its commands. */
  readonly dir: string
  /** What attach is attached to: a command that reads and writes. */
  readonly program: readonly string[]
  /** Ports of the pod and where they really are. */
  readonly ports: Map<number, number>
  /** Sizes that terminals were given. */
  readonly sizes: string[]
  /** One more line of its log. */
  log(line: string): void
  /** The end of its log: whoever follows it is done. */
  endLog(): void
}

export interface WorldNode {
  readonly name: string
  readonly port: number
  /** `METHOD /path?query upgrade` of each request that the API server passed on. */
  readonly seen: string[]
  addContainer(namespace: string, pod: string, container: string, program?: readonly string[]): Container
  stop(): Promise<void>
}

interface Log {
  readonly lines: string[]
  readonly changes: EventEmitter
  isOver: boolean
}

/** @param versions of the WebSocket protocol for exec and attach; an API server of 1.20 passes on whatever the client offers. */
export async function startNode(versions: readonly ('v4' | 'v5')[] = ['v5', 'v4']): Promise<WorldNode> {
  const { certificate, key } = makeCertificates(['127.0.0.1'])
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-node-'))
  const containers = new Map<string, { readonly container: Container; readonly log: Log }>()
  const seen: string[] = []
  const running = new Set<() => void>()
  const server = https.createServer({ cert: certificate, key })
  const find = (url: URL): { readonly container: Container; readonly log: Log } | undefined => {
    const [, , namespace = '', pod = '', name = ''] = url.pathname.split('/')
    return name === ''
      ? [...containers].find(([at]) => at.startsWith(`${namespace}/${pod}/`))?.[1]
      : containers.get(`${namespace}/${pod}/${name}`)
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    seen.push(`${request.method} ${request.url}`)
    const url = new URL(request.url ?? '/', 'https://node')
    const found = find(url)
    if (!url.pathname.startsWith('/containerLogs/') || found === undefined) {
      response.writeHead(404).end('not found')
      return
    }
    void sendLog(found.log, url.searchParams, response)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    seen.push(`${request.method} ${request.url} ${request.headers.upgrade}`)
    socket.on('error', () => socket.destroy())
    const url = new URL(request.url ?? '/', 'https://node')
    const found = find(url)
    const kind = url.pathname.split('/')[1]
    if (found === undefined) refuse(socket, 'there is no such container', '404 Not Found')
    else if (kind === 'portForward') forwardPorts(request, socket, head, port => found.container.ports.get(port) ?? null)
    else if (kind === 'exec') void run(request, socket, head, url, found.container, url.searchParams.getAll('command'))
    else if (kind === 'attach') void run(request, socket, head, url, found.container, found.container.program)
    else refuse(socket, 'no such stream', '404 Not Found')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    name: 'world-node',
    port: (server.address() as AddressInfo).port,
    seen,
    addContainer(namespace, pod, name, program = ['cat']) {
      const log: Log = { lines: [], changes: new EventEmitter(), isOver: false }
      const container: Container = {
        dir: mkdtempSync(path.join(dir, 'container-')),
        program,
        ports: new Map(),
        sizes: [],
        log(line) {
          log.lines.push(`${line}\n`)
          log.changes.emit('change')
        },
        endLog() {
          log.isOver = true
          log.changes.emit('change')
        },
      }
      containers.set(`${namespace}/${pod}/${name}`, { container, log })
      return container
    },
    async stop() {
      for (const { container } of containers.values()) container.endLog()
      for (const end of running) end()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
      rmSync(dir, { recursive: true, force: true })
    },
  }

  async function run(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    url: URL,
    container: Container,
    command: readonly string[],
  ): Promise<void> {
    const on = (name: string): boolean => url.searchParams.get(name) === '1'
    const wanted: Wanted = { stdin: on('input'), stdout: on('output'), stderr: on('error'), tty: on('tty') }
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    const channels = isWebSocket
      ? openWebSocketChannels(request, socket, head, wanted, versions)
      : await openSpdyChannels(request, socket, head, wanted)
    if (channels !== null) runCommand(channels, socket, container, command, wanted)
  }

  function runCommand(channels: Channels, socket: Duplex, container: Container, command: readonly string[], wanted: Wanted): void {
    const [program = '', ...args] = wanted.tty ? ['script', '-qefc', command.map(quoted).join(' '), '/dev/null'] : command
    const child = spawn(program, args, {
      cwd: container.dir,
      env: { PATH: process.env['PATH'] ?? '', HOME: container.dir, TERM: 'dumb', PS1: '$ ', LC_ALL: 'C.UTF-8' },
    })
    const end = (): void => void child.kill('SIGKILL')
    running.add(end)
    socket.once('close', end)
    channels.resize.on('data', (size: Buffer) => container.sizes.push(size.toString().trim()))
    child.stdin.on('error', () => undefined)
    if (wanted.stdin) channels.stdin.pipe(child.stdin)
    else child.stdin.end()
    child.stdout.pipe(channels.stdout, { end: false })
    child.stderr.pipe(channels.stderr, { end: false })
    child.once('error', error => {
      channels.finish({
        metadata: {},
        status: 'Failure',
        reason: 'InternalError',
        message: `error executing command: ${error.message}`,
        code: 500,
      })
    })
    child.once('close', code => {
      running.delete(end)
      socket.off('close', end)
      if (child.pid !== undefined) channels.finish(exitStatus(code ?? 137))
    })
  }
}

async function sendLog(log: Log, query: URLSearchParams, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.flushHeaders()
  const last = query.get('tailLines')
  let at = last === null ? 0 : Math.max(0, log.lines.length - Number(last))
  for (;;) {
    for (; at < log.lines.length; at += 1) response.write(log.lines[at])
    if (query.get('follow') !== 'true' || log.isOver || response.destroyed) break
    await Promise.race([once(log.changes, 'change'), once(response, 'close')])
  }
  response.end()
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
