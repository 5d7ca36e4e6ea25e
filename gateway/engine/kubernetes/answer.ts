// An answer of the API server on its way to the client: decoded, masked in the form it has, counted, kept in bounds for the recording.
// What cannot be decoded is not shown.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { KubernetesReading } from '../../command/kubernetes/kubernetes-command.ts'
import { SallyportError } from '../../core/errors.ts'
import type { ObjectMask } from '../../core/masker.ts'
import type { Session } from '../../core/session.ts'
import { shownHeaders } from './answer-headers.ts'
import { AnswerRecord } from './answer-record.ts'
import { documentShaper, failureShaper, listShaper, plainShaper, refusalShaper, textShaper, watchShaper } from './answer-shape.ts'
import type { Shaper } from './answer-shape.ts'
import { resourceOf } from './write-check.ts'

type Wish = Extract<KubernetesReading, { kind: 'command' }>

export interface AnswerParts {
  readonly answer: IncomingMessage
  readonly response: ServerResponse
  readonly session: Session
  readonly wish: Wish
  readonly number: number
  readonly masks: ObjectMask
  readonly startedMs: number
  readonly signal: AbortSignal
  /** Values of Warning headers. */
  readonly warnings: readonly string[]
}

/** Up to here an answer is looked at whole, and gets its length; a longer list goes element by element. */
const MAX_WHOLE_BYTES = 256 * 1_024

export async function relayAnswer(parts: AnswerParts): Promise<void> {
  const { answer, response, session, number } = parts
  const record = new AnswerRecord(session, number, parts.startedMs, parts.wish.command.powers.includes('token'))
  const tag = `${answer.statusCode ?? 0} ${answer.statusMessage ?? ''}`.trim()
  try {
    const shaper = shaperFor(parts, record)
    const headers = shownHeaders(answer.headers, session.masker.text, isHidden(parts), parts.warnings)
    response.statusCode = answer.statusCode ?? 500
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    await flow(decoded(answer), shaper, parts, record)
    record.close(tag)
  } catch (error) {
    answer.destroy()
    const known = error instanceof SallyportError ? error : unreadable(error)
    record.fail(known.code, known.message)
    throw known
  }
}

function shaperFor({ answer, wish, masks, session }: AnswerParts, record: AnswerRecord): Shaper {
  const { info } = wish
  const type = (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  const resource = resourceOf(wish.command)
  const isResource = info.kind === 'resource'
  const isForeign = isResource && info.subresource === 'proxy'
  const count = record.masked.bind(record)
  if (type === 'application/json' || type === '') {
    if (isForeign) return textShaper(session.masker.text, count)
    const isRead = wish.command.verb === 'get' || wish.command.verb === 'list' || wish.command.verb === 'watch'
    if ((answer.statusCode ?? 0) >= 400) return failureShaper(masks, resource, !isRead, count)
    if (wish.command.verb === 'watch' && answer.statusCode === 200) return watchShaper(masks, resource, count)
    const whole = documentShaper(masks, resource, count)
    return wish.command.verb === 'list' ? listShaper(masks, resource, count, whole, MAX_WHOLE_BYTES) : whole
  }
  const isFailure = (answer.statusCode ?? 0) >= 400
  const isText = type === 'text/plain' || (isForeign && type.startsWith('text/'))
  const isLog = isResource && info.subresource === 'log'
  if (isText && isFailure && !isLog && isHidden({ wish, masks })) return refusalShaper()
  if (isText && (isForeign || isLog || !isResource || isFailure)) return textShaper(session.masker.text, count)
  if (isForeign && session.masker.text === null) return plainShaper()
  throw new SallyportError('MASK_UNPROVEN', `the answer is ${type.slice(0, 100)}, which cannot be read here`, {
    why: 'what cannot be read cannot be masked',
    fix: 'ask for JSON',
  })
}

/** True when objects of the resource have fields that are hidden; what an application behind a proxy says is its own. */
function isHidden({ wish, masks }: Pick<AnswerParts, 'wish' | 'masks'>): boolean {
  return wish.info.kind === 'resource' && wish.info.subresource !== 'proxy' && masks.paths(resourceOf(wish.command)).length > 0
}

function decoded(answer: IncomingMessage): Readable {
  const coding = (answer.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  switch (coding) {
    case 'identity':
      return answer
    case 'gzip':
      return unpack(answer, createGunzip())
    case 'deflate':
      return unpack(answer, createInflate())
    case 'br':
      return unpack(answer, createBrotliDecompress())
    default:
      throw new SallyportError('MASK_UNPROVEN', 'the answer is packed in a way that cannot be read here')
  }
}

function unpack(answer: IncomingMessage, unpacker: ReturnType<typeof createGunzip> | ReturnType<typeof createBrotliDecompress>): Readable {
  answer.once('error', error => unpacker.destroy(error))
  return answer.pipe(unpacker)
}

/** Bytes from the server through the shaper to the client, at the pace of the slower of client and recording. */
async function flow(from: Readable, shaper: Shaper, { response, signal }: AnswerParts, record: AnswerRecord): Promise<void> {
  const stop = (): void => {
    from.destroy()
  }
  signal.addEventListener('abort', stop, { once: true })
  const send = async (bytes: Buffer): Promise<void> => {
    if (bytes.length === 0) return
    record.keep(bytes)
    if (!response.write(bytes)) await once(response, 'drain', { signal })
  }
  // A watch may be silent for long: its head does not wait for the first event.
  if (shaper.isLive) response.flushHeaders()
  try {
    for await (const chunk of from) {
      if (!(chunk instanceof Buffer)) continue
      for (const bytes of shaper.push(chunk)) await send(bytes)
    }
    signal.throwIfAborted()
    const last = Buffer.concat(shaper.end())
    record.items = shaper.items
    if (!response.headersSent) response.setHeader('content-length', last.length)
    record.keep(last)
    response.end(last)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function unreadable(error: unknown): SallyportError {
  if (error instanceof SyntaxError || error instanceof RangeError || error instanceof TypeError) {
    return new SallyportError('MASK_UNPROVEN', 'the answer cannot be read, so it cannot be masked', { cause: error })
  }
  return new SallyportError('TARGET_UNREACHABLE', 'the API server ended its answer early', { cause: error })
}
