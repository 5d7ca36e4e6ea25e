// Requests that switch protocols (exec, attach, port-forward): judged, held and recorded before anything is switched.
import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { readKubernetesRequest } from '../../command/kubernetes/kubernetes-command.ts'
import type { KubernetesReading } from '../../command/kubernetes/kubernetes-command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import { masksOf, refusedRequest, subjectOf } from './exchange.ts'
import { answeredHeaders, forwardedHeaders } from './request-headers.ts'
import { shownCommand } from './shown-command.ts'
import { statusOf } from './status-answer.ts'
import { relayStreams } from './stream-relay.ts'
import type { StreamForm } from './stream-relay.ts'
import { StreamRecord } from './stream-record.ts'
import type { Upgraded } from './target.ts'
import type { Visit } from './visit.ts'

type Wish = Extract<KubernetesReading, { kind: 'command' }>

const MAX_REFUSAL_BYTES = 64 * 1_024
const channels = new Set(['v5.channel.k8s.io', 'v4.channel.k8s.io'])
const tunnels = new Set(['SPDY/3.1+portforward.k8s.io'])
const carried = new Set(['exec', 'attach', 'portforward'])

export async function answerUpgrade(visit: Visit, request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
  client.on('error', () => client.destroy())
  let wish: Wish | null = null
  try {
    const { method = '', url: target = '' } = request
    const reading = readKubernetesRequest({ method, target, body: null })
    if (reading.kind !== 'command') throw refusedRequest(reading.kind === 'refused' ? reading.reason : 'discovery switches no protocols')
    wish = reading
    await carry(visit, request, client, head, reading)
  } catch (error) {
    refuseUpgrade(client, error, visit, wish)
    if (!(error instanceof Refusal && error.rule !== null)) recordTrouble(visit, error)
  }
}

async function carry(visit: Visit, request: IncomingMessage, client: Duplex, head: Buffer, wish: Wish): Promise<void> {
  const session = visit.session('')
  const protocol = (request.headers.upgrade ?? '').toLowerCase()
  const form = formOf(wish, protocol, request)
  const target = request.url ?? ''
  const known = visit.refusals.of(target)
  if (known !== null) throw known
  const command = shownCommand(wish.command, null, '', masksOf(session))
  const admitted = session.admit([command], {
    bytes: () => Buffer.from(`${request.method ?? ''} ${target}\n${protocol}\n`),
    signal: visit.gone,
    onHeld: () => undefined,
    notes: form === 'bytes' ? ['what goes over a forwarded port is neither masked nor recorded'] : [],
  })
  const admission = admitted instanceof Promise ? await admitted.catch((error: unknown) => visit.refusals.keep(target, error)) : admitted
  if (form === 'spdy' && session.masker.text !== null) throw unmaskable()
  const number = admission.numbers[0] ?? 0
  const headers = forwardedHeaders(request.headers)
  // Compressed frames could not be read.
  delete headers['sec-websocket-extensions']
  const lease = await session.borrow(visit.gone)
  const forward = { method: request.method ?? '', target, headers, body: null }
  let upgraded: Upgraded
  try {
    upgraded = await visit.target.upgrade(admission.permit, lease, forward, protocol, visit.gone)
  } catch (error) {
    if (error instanceof SallyportError) session.append({ kind: 'error', command: number, code: error.code, message: error.message })
    throw error
  }
  const record = new StreamRecord(session, number)
  const { answer, socket } = upgraded
  if (socket === null) {
    await passRefusal(answer, client)
    record.close(`${answer.statusCode ?? 0} ${answer.statusMessage ?? ''}`, [])
    return
  }
  client.write(switchHead(answer, protocol))
  if (upgraded.head.length > 0) socket.unshift(upgraded.head)
  if (head.length > 0) client.unshift(head)
  const found = await relayStreams({ client, target: socket, form, text: session.masker.text, record, signal: visit.gone })
  record.close('101 Switching Protocols', found)
}

function unmaskable(): SallyportError {
  return new SallyportError('MASK_UNPROVEN', 'output over SPDY cannot be masked', {
    why: 'the policy hides patterns in every text, and this client asks for the old stream protocol',
    fix: 'use kubectl 1.31 or newer, which speaks WebSocket, or lift the pattern masks for this group',
  })
}

/** @throws {SallyportError} for a stream that nobody here could read. */
function formOf({ info, command }: Wish, protocol: string, request: IncomingMessage): StreamForm {
  if (info.kind !== 'resource' || !carried.has(info.subresource)) {
    throw new SallyportError('PROTOCOL_VIOLATION', `${command.verb} ${command.resource} is not carried as a stream`, {
      fix: 'ask for it without a change of protocol',
    })
  }
  if (protocol !== 'websocket' && protocol !== 'spdy/3.1') {
    throw new SallyportError('PROTOCOL_VIOLATION', 'streams are WebSocket or SPDY/3.1')
  }
  if (protocol === 'spdy/3.1') return info.subresource === 'portforward' ? 'bytes' : 'spdy'
  // Some servers take a bearer token from here: nothing but names of protocols goes on.
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
  const wanted = info.subresource === 'portforward' ? tunnels : channels
  if (offered.length > 0 && offered.every(name => wanted.has(name))) return info.subresource === 'portforward' ? 'bytes' : 'channels'
  throw new SallyportError('PROTOCOL_VIOLATION', `${info.subresource} over WebSocket is ${[...wanted].join(' or ')}`)
}

/** A Status in place of the switch. */
export function refuseUpgrade(socket: Duplex, error: unknown, visit: Visit, wish: Wish | null = null): void {
  if (socket.destroyed) return
  const connection = visit.desk.connection.name
  const { code, body } = statusOf(error, wish === null ? { connection, command: null } : subjectOf(visit.session(''), wish))
  const head = `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Refused'}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  socket.end(Buffer.concat([Buffer.from(head), body]))
}

function recordTrouble(visit: Visit, error: unknown): void {
  const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'the stream failed')
  if (known.code === 'RECORDING_FAILED' || known.code === 'COMMAND_CANCELLED') return
  try {
    visit.session('').append({ kind: 'error', command: null, code: known.code, message: known.message })
  } catch {
    // The recorder has failed: the next request learns it from the gate.
  }
}

function switchHead(answer: IncomingMessage, protocol: string): string {
  const headers = Object.entries(answeredHeaders(answer.headers)).map(([name, value]) => `${name}: ${String(value)}`)
  return [
    'HTTP/1.1 101 Switching Protocols',
    'connection: Upgrade',
    `upgrade: ${protocol === 'spdy/3.1' ? 'SPDY/3.1' : protocol}`,
    ...headers,
    '',
    '',
  ].join('\r\n')
}

/** The server's own words for not switching: an error, which is short. */
async function passRefusal(answer: IncomingMessage, client: Duplex): Promise<void> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of answer) {
    if (part instanceof Buffer && length < MAX_REFUSAL_BYTES) {
      parts.push(part)
      length += part.length
    }
  }
  const body = Buffer.concat(parts)
  const type = answer.headers['content-type'] ?? 'text/plain'
  client.end(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${answer.statusCode ?? 500} ${answer.statusMessage ?? ''}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
      ),
      body,
    ]),
  )
}
