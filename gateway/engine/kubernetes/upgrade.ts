// Requests that switch protocols (exec, attach, port-forward): judged, held and recorded before anything is switched.
import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { readKubernetesRequest } from '../../command/kubernetes/kubernetes-command.ts'
import type { KubernetesReading } from '../../command/kubernetes/kubernetes-command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import { masksOf, refusedRequest, subjectOf } from './exchange.ts'
import { sendRenewed } from './renewal.ts'
import { answeredHeaders, forwardedHeaders } from './request-headers.ts'
import { shownCommand } from './shown-command.ts'
import { statusOf } from './status-answer.ts'
import { ChannelForm } from './channel-form.ts'
import { LogForm } from './log-form.ts'
import { OutputMask } from './output-mask.ts'
import { channelPortForm, spdyPortForm } from './port-form.ts'
import { SpdyForm } from './spdy-form.ts'
import type { StreamForm } from './stream-form.ts'
import { StreamRecord } from './stream-record.ts'
import { relayStreams } from './stream-relay.ts'
import type { Upgraded } from './target.ts'
import type { Visit } from './visit.ts'

type Wish = Extract<KubernetesReading, { kind: 'command' }>

const MAX_REFUSAL_BYTES = 64 * 1_024
const carried = new Set(['exec', 'attach', 'portforward', 'log'])
const LOG = 'binary.k8s.io'
const TUNNEL = 'SPDY/3.1+portforward.k8s.io'
/** Those in which channels are bytes of messages; the others of their family are base64. Best first. */
const channels = ['v5', 'v4', 'v3', 'v2'].map(version => `${version}.channel.k8s.io`).concat('channel.k8s.io')

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
  const offered = offeredProtocols(wish, protocol, request)
  const subresource = wish.info.kind === 'resource' ? wish.info.subresource : ''
  const isForward = subresource === 'portforward'
  const target = request.url ?? ''
  const known = visit.refusals.of(target)
  if (known !== null) throw known
  const command = shownCommand(wish.command, null, '', masksOf(session))
  const admitted = session.admit([command], {
    bytes: () => Buffer.from(`${request.method ?? ''} ${target}\n${protocol}\n`),
    signal: visit.gone,
    onHeld: () => undefined,
    notes: isForward ? ['what goes over a forwarded port is neither masked nor recorded'] : [],
  })
  const admission = admitted instanceof Promise ? await admitted.catch((error: unknown) => visit.refusals.keep(target, error)) : admitted
  const number = admission.numbers[0] ?? 0
  const headers = forwardedHeaders(request.headers)
  // Compressed frames could not be read.
  delete headers['sec-websocket-extensions']
  delete headers['sec-websocket-protocol']
  if (offered.length > 0) headers['sec-websocket-protocol'] = offered.join(', ')
  const forward = { method: request.method ?? '', target, headers, body: null }
  let upgraded: Upgraded
  try {
    upgraded = await sendRenewed(session, visit.gone, false, lease =>
      visit.target.upgrade(admission.permit, lease, forward, protocol, visit.gone),
    )
  } catch (error) {
    if (error instanceof SallyportError) session.append({ kind: 'error', command: number, code: error.code, message: error.message })
    throw error
  }
  const { answer, socket } = upgraded
  const { text } = session.masker
  const isTerminal = !isForward && wish.query.isOn('tty')
  const record = new StreamRecord(session, number, isTerminal, text)
  if (socket === null) {
    await passRefusal(answer, client)
    record.close(`${answer.statusCode ?? 0} ${answer.statusMessage ?? ''}`, [])
    return
  }
  const selected = answer.headers['sec-websocket-protocol'] ?? ''
  if (selected !== '' && !offered.includes(selected)) {
    socket.destroy()
    throw new SallyportError('PROTOCOL_VIOLATION', 'the server chose a protocol that was not offered to it')
  }
  const mask = new OutputMask(text, wish.command.argvs.some(isArchiver))
  const form = formOf({ subresource, protocol, selected, ports: wish.query.all('ports'), record, mask })
  client.write(switchHead(answer, protocol))
  if (upgraded.head.length > 0) socket.unshift(upgraded.head)
  if (head.length > 0) client.unshift(head)
  const drained = (): Promise<void> => session.drained()
  try {
    await relayStreams({ client, target: socket, form, mask, record, isTerminal, drained, signal: visit.gone })
    record.close('101 Switching Protocols', mask.found())
  } catch (error) {
    endRecord(record, error, mask)
  }
}

/** The client was told in its stream already. */
function endRecord(record: StreamRecord, error: unknown, mask: OutputMask): void {
  const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'the stream failed')
  try {
    record.fail(known.code, known.message, mask.found())
  } catch {
    // The recorder has failed: the next request learns it from the gate.
  }
}

interface Switched {
  readonly subresource: string
  readonly protocol: string
  /** Protocol of a WebSocket as the server chose it, empty = it chose none. */
  readonly selected: string
  readonly ports: readonly string[]
  readonly record: StreamRecord
  readonly mask: OutputMask
}

function formOf({ subresource, protocol, selected, ports, record, mask }: Switched): StreamForm {
  if (subresource === 'log') return new LogForm({ mask, record })
  if (subresource !== 'portforward') return protocol === 'websocket' ? new ChannelForm({ mask, record }) : new SpdyForm({ mask, record })
  if (protocol === 'websocket' && selected !== TUNNEL)
    return channelPortForm(
      record,
      ports.flatMap(list => list.split(',')),
    )
  return spdyPortForm(record, protocol === 'websocket')
}

/** kubectl cp reads and writes by tar. */
function isArchiver([program = '']: readonly string[]): boolean {
  return program.slice(program.lastIndexOf('/') + 1) === 'tar'
}

/**
 * Protocols for a WebSocket that can be read here, as the client offers them; empty for SPDY. Some servers take a bearer token from this
 * header: nothing but names of protocols goes on.
 * @throws {SallyportError} for a stream that nobody here could read.
 */
function offeredProtocols({ info, command }: Wish, protocol: string, request: IncomingMessage): readonly string[] {
  if (info.kind !== 'resource' || !carried.has(info.subresource)) {
    throw new SallyportError('PROTOCOL_VIOLATION', `${command.verb} ${command.resource} is not carried as a stream`, {
      fix: 'ask for it without a change of protocol',
    })
  }
  const isLog = info.subresource === 'log'
  if (protocol === 'spdy/3.1' && !isLog) return []
  if (protocol !== 'websocket') throw new SallyportError('PROTOCOL_VIOLATION', 'streams are WebSocket or SPDY/3.1')
  const wanted = isLog ? [LOG] : info.subresource === 'portforward' ? [TUNNEL, ...channels] : channels
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
  const kept = offered.filter(name => wanted.includes(name))
  // Logs come the same way without a name for it.
  if (kept.length > 0 || (isLog && offered.join('') === '')) return kept
  throw new SallyportError('PROTOCOL_VIOLATION', `${info.subresource} over WebSocket is ${wanted.join(' or ')}`)
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
  const headers = Object.entries(answeredHeaders(answer.headers)).flatMap(([name, value]) => [value].flat().map(one => `${name}: ${one}`))
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
