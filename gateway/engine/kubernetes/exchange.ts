// One request of a client from its first byte to its last: read, judged, sent on, answered. What fails on the way is a Status.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readKubernetesRequest } from '../../command/kubernetes/kubernetes-command.ts'
import type { KubernetesReading } from '../../command/kubernetes/kubernetes-command.ts'
import type { KubernetesCommand } from '../../core/command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import type { Admission, Hold, Session } from '../../core/session.ts'
import { relayAnswer } from './answer.ts'
import { ChangePreview, wholeBody } from './change-preview.ts'
import { mayHaveBody, readBody } from './request-body.ts'
import { releaseBody } from './release-write.ts'
import { sendRenewed } from './renewal.ts'
import { answeredHeaders, forwardedHeaders, headerList, readableAccept } from './request-headers.ts'
import type { Headers } from './request-headers.ts'
import { sendStatus } from './send-status.ts'
import { shownCommand } from './shown-command.ts'
import { statusOf } from './status-answer.ts'
import type { TargetAnswer } from './target-answer.ts'
import type { TargetRequest } from './target.ts'
import type { Visit } from './visit.ts'
import { refuseHarmfulWrite } from './write-check.ts'

type Wish = Extract<KubernetesReading, { kind: 'command' }>

export async function answerRequest(visit: Visit, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const session = visit.session('')
  // A connection carries one request at a time: with the connection the request is over, and the other way round.
  const signal = visit.gone
  let wish: Wish | null = null
  const progress: Progress = { number: null }
  try {
    const { method = '', url: target = '' } = request
    const known = mayHaveBody(request) ? null : visit.known.of(method, target)
    const first = known?.wish ?? readKubernetesRequest({ method, target, body: null })
    if (first.kind === 'refused') throw refusedRequest(first.reason)
    if (first.kind === 'discovery') {
      await answerDiscovery(visit, session, request, response, signal)
      return
    }
    const body = mayHaveBody(request) ? await readBody(request, signal) : null
    const reading = body === null ? first : readKubernetesRequest({ method, target, body })
    if (reading.kind !== 'command') throw refusedRequest('it cannot be read twice in the same way')
    wish = reading
    await answerWish(visit, session, { wish, command: known?.command ?? null, request, response, body, signal, progress })
  } catch (error) {
    if (signal.aborted) response.destroy()
    else sendStatus(response, statusOf(error, subjectOf(session, wish)))
    if (progress.number === null) record(session, error)
    // A recording that cannot be written ends the session (the connection), after its last words.
    if (error instanceof SallyportError && error.code === 'RECORDING_FAILED') visit.socket.end()
  }
}

/** Refusals of the gate are in the recording already; those made here are not. */
function record(session: Session, error: unknown): void {
  if (error instanceof Refusal && error.rule !== null) return
  if (error instanceof SallyportError && (error.code === 'RECORDING_FAILED' || error.code === 'COMMAND_CANCELLED')) return
  const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'internal error')
  try {
    session.append({ kind: 'error', command: null, code: known.code, message: known.message })
  } catch {
    // The recorder has failed: the next request learns it from the gate.
  }
}

interface Asked {
  readonly wish: Wish
  /** As people may read it, where it is known already. */
  readonly command: KubernetesCommand | null
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer | null
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** How far it came: failures of an admitted command are recorded under its number. */
interface Progress {
  number: number | null
}

async function answerWish(visit: Visit, session: Session, asked: Asked): Promise<void> {
  const { wish, request, response, body: sent, signal, progress } = asked
  const { method = '', url: target = '' } = request
  const masks = masksOf(session)
  const isProxied = wish.info.kind === 'resource' && wish.info.subresource === 'proxy'
  const { forwarded, contentType: sentType, isImpersonating } = visit.headers.of(request, isProxied)
  const written = { body: sent, contentType: sentType }
  const { body, contentType } =
    sent === null ? written : await releaseBody(wish, written, masks, () => storedObject(visit, session, target, signal))
  refuseHarmfulWrite(wish.command, body, contentType, masks)
  const command = asked.command ?? shownCommand(wish.command, body, contentType, masks)
  if (sent === null && asked.command === null) visit.known.keep(method, target, { wish, command })
  const headers: Headers = body === null ? { ...forwarded } : { ...forwarded, 'content-type': contentType }
  const forward: TargetRequest = { method, target, headers, body }
  const preview = new ChangePreview(visit.target, session, wish, forward)
  const hold: { current: Hold | null } = { current: null }
  const admitted = session.admit([command], {
    bytes: () => Buffer.concat([Buffer.from(`${forward.method} ${forward.target}\n${contentType}\n`), body ?? Buffer.alloc(0)]),
    signal,
    onHeld: held => {
      hold.current = held
    },
    notes: [],
    evidence: waiting => preview.take(waiting),
  })
  const admission: Admission = admitted instanceof Promise ? await admitted : admitted
  const number = admission.numbers[0] ?? 0
  progress.number = number
  const startedMs = performance.now()
  let answer: TargetAnswer
  try {
    if (admitted instanceof Promise) await preview.check(signal)
    const isSafe = forward.method === 'GET' || forward.method === 'HEAD'
    answer = await sendRenewed(session, signal, isSafe, lease => visit.target.send(admission.permit, lease, forward, signal))
  } catch (error) {
    const known = error instanceof SallyportError ? error : new SallyportError('INTERNAL', 'internal error')
    session.append({ kind: 'error', command: number, code: known.code, message: known.message })
    throw error
  }
  await relayAnswer({
    answer,
    response,
    session,
    wish,
    number,
    masks,
    startedMs,
    signal,
    warnings: warningsOf(hold.current, isImpersonating),
  })
}

/** The object that a request is about, as it is stored; null when it cannot be had. */
async function storedObject(visit: Visit, session: Session, target: string, signal: AbortSignal): Promise<Buffer | null> {
  const question = { method: 'GET', target: target.split('?')[0] ?? '', headers: { accept: 'application/json' }, body: null }
  const answer = await sendRenewed(session, signal, true, lease => visit.target.ask(lease, question, signal))
  const object = await wholeBody(answer)
  return answer.statusCode === 200 ? object : null
}

/** Kinds and schemas: what every client asks first. The gateway asks for it on its own account; nothing in it is anybody's data. */
async function answerDiscovery(
  visit: Visit,
  session: Session,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const target = request.url ?? ''
  const isSchema = target.startsWith('/openapi/')
  const headers = forwardedHeaders(request.headers)
  // Old clients read schemas as protobuf only.
  if (!isSchema) headers['accept'] = readableAccept(request.headers.accept)
  await readBody(request, signal)
  const question = { method: request.method ?? 'GET', target, headers, body: null }
  const answer = await sendRenewed(session, signal, true, lease => visit.target.ask(lease, question, signal))
  response.writeHead(answer.statusCode, headerList(answeredHeaders(answer.headers)))
  await pass(answer, response)
}

function pass(answer: TargetAnswer, response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    response.once('finish', resolve)
    response.once('close', resolve)
    response.on('drain', () => answer.resume())
    answer.take({
      data: bytes => response.write(bytes),
      end: () => void response.end(),
      fail: cause => reject(new SallyportError('TARGET_UNREACHABLE', 'the API server ended its answer early', { cause })),
    })
  })
}

/** Without a mask for objects nothing may be shown: Secrets are hidden without being named. */
export function masksOf(session: Session): NonNullable<Session['masker']['objects']> {
  const masks = session.masker.objects
  if (masks === undefined) throw new SallyportError('INTERNAL', 'this session has no masks for objects')
  return masks
}

function warningsOf(hold: Hold | null, isImpersonating: boolean): readonly string[] {
  const where = hold?.where === null || hold === null ? '' : ` ${hold.where}`
  return [
    ...(hold === null ? [] : [`held by rule ${hold.rule}, approved as ${hold.code}${where}`]),
    ...(isImpersonating ? ['the request ran as this run, not as who it asked to be: impersonation is not passed on'] : []),
  ].map(warning)
}

/** A quoted string of printable ASCII (RFC 9110, 5.6.4). */
function warning(text: string): string {
  return `299 - "sallyport: ${text.replaceAll(/[^\u0020-\u007e]/g, '?').replaceAll(/["\\]/g, "'")}"`
}

export function refusedRequest(reason: string): SallyportError {
  return new SallyportError('PROTOCOL_VIOLATION', `request refused: ${reason}`, {
    why: 'what can be read in more than one way cannot be judged',
    fix: 'write the path as the API documents it',
  })
}

export function subjectOf(session: Session, wish: Wish | null): Parameters<typeof statusOf>[1] {
  const connection = session.connection.name
  return wish === null
    ? { connection, command: null }
    : { connection, command: wish.command.text, resource: wish.command.resource, name: wish.command.name }
}
