// An answer of the API server on its way to the client: decoded, masked in the form it has, counted, kept in bounds for the recording.
// What cannot be decoded is not shown.
import type { ServerResponse } from 'node:http'
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { KubernetesReading } from '../../command/kubernetes/kubernetes-command.ts'
import { SallyportError } from '../../core/errors.ts'
import type { ObjectMask } from '../../core/masker.ts'
import type { Session } from '../../core/session.ts'
import { shownHeaders } from './answer-headers.ts'
import { AnswerRecord } from './answer-record.ts'
import { documentShaper, failureShaper, listShaper, plainShaper, refusalShaper, textShaper, watchShaper } from './answer-shape.ts'
import type { Shaper } from './answer-shape.ts'
import { headerList } from './request-headers.ts'
import type { Headers } from './request-headers.ts'
import type { AnswerSink, TargetAnswer } from './target-answer.ts'
import { resourceOf } from './write-check.ts'

type Wish = Extract<KubernetesReading, { kind: 'command' }>

export interface AnswerParts {
  readonly answer: TargetAnswer
  readonly response: ServerResponse
  readonly session: Session
  readonly wish: Wish
  readonly number: number
  readonly masks: ObjectMask
  readonly startedMs: number
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  /** Values of Warning headers. */
  readonly warnings: readonly string[]
}

/** Up to here an answer is looked at whole, and gets its length; a longer list goes element by element. */
const MAX_WHOLE_BYTES = 256 * 1_024
const MAX_ONE_PIECE_BYTES = 64 * 1_024

export async function relayAnswer(parts: AnswerParts): Promise<void> {
  const { answer, session, number } = parts
  const record = new AnswerRecord(session, number, parts.startedMs, parts.wish.command.powers.includes('token'))
  try {
    const shaper = shaperFor(parts, record)
    const headers = shownHeaders(answer.headers, session.masker.text, isHidden(parts), parts.warnings)
    await flow(parts, shaper, headers, record)
    record.close(`${answer.statusCode} ${answer.statusMessage}`.trim())
  } catch (error) {
    answer.destroy()
    const known = error instanceof SallyportError ? error : parts.signal.aborted ? gone() : unreadable(error)
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
    if (answer.statusCode >= 400) return failureShaper(masks, resource, !isRead, count)
    if (wish.command.verb === 'watch' && answer.statusCode === 200) return watchShaper(masks, resource, count)
    const whole = documentShaper(masks, resource, count)
    return wish.command.verb === 'list' ? listShaper(masks, resource, count, whole, MAX_WHOLE_BYTES) : whole
  }
  const isFailure = answer.statusCode >= 400
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

/** Gives the body, decoded, to the sink. The way back: to go on after a pause. */
function pour(answer: TargetAnswer, sink: AnswerSink): () => void {
  const coding = (answer.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  switch (coding) {
    case 'identity':
      answer.take(sink)
      return () => answer.resume()
    case 'gzip':
      return unpack(answer, createGunzip(), sink)
    case 'deflate':
      return unpack(answer, createInflate(), sink)
    case 'br':
      return unpack(answer, createBrotliDecompress(), sink)
    default:
      throw new SallyportError('MASK_UNPROVEN', 'the answer is packed in a way that cannot be read here')
  }
}

function unpack(answer: TargetAnswer, unpacker: Transform, sink: AnswerSink): () => void {
  unpacker.on('data', (bytes: Buffer) => {
    if (!sink.data(bytes)) unpacker.pause()
  })
  unpacker.once('end', () => sink.end())
  unpacker.once('error', error => sink.fail(error))
  const packed = answer.stream()
  packed.once('error', error => unpacker.destroy(error))
  packed.pipe(unpacker)
  return () => unpacker.resume()
}

/** Bytes from the server through the shaper to the client, at the pace of the client. */
function flow({ answer, response }: AnswerParts, shaper: Shaper, headers: Headers, record: AnswerRecord): Promise<void> {
  const { statusCode } = answer
  return new Promise((resolve, reject) => {
    // A watch may be silent for long: its head does not wait for the first event.
    if (shaper.isLive) {
      response.writeHead(statusCode, headerList(headers))
      response.flushHeaders()
    }
    const goOn = (): void => resume()
    let isWhole = false
    response.once('close', () => {
      if (!isWhole) reject(gone())
    })
    const isWanted = (pieces: readonly Buffer[]): boolean => {
      let hasRoom = true
      for (const bytes of pieces) {
        if (bytes.length === 0) continue
        record.keep(bytes)
        if (!response.headersSent) response.writeHead(statusCode, headerList(headers))
        hasRoom = response.write(bytes)
      }
      if (!hasRoom) response.once('drain', goOn)
      return hasRoom
    }
    const resume = pour(answer, {
      data(chunk) {
        try {
          return isWanted(shaper.push(chunk))
        } catch (error) {
          reject(error)
          answer.destroy()
          return false
        }
      },
      end() {
        try {
          const pieces = shaper.end()
          const last = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
          record.items = shaper.items
          record.keep(last)
          if (!response.headersSent) response.writeHead(statusCode, headerList(headers, last.length))
          // As text it goes out with its head in one piece, which costs a fifth less than two.
          if (last.length > MAX_ONE_PIECE_BYTES) response.end(last)
          else response.end(last.toString('latin1'), 'latin1')
          isWhole = true
          resolve()
        } catch (error) {
          reject(error)
        }
      },
      fail: reject,
    })
  })
}

function gone(): SallyportError {
  return new SallyportError('COMMAND_CANCELLED', 'the client went away')
}

function unreadable(error: unknown): SallyportError {
  if (error instanceof SyntaxError || error instanceof RangeError || error instanceof TypeError) {
    return new SallyportError('MASK_UNPROVEN', 'the answer cannot be read, so it cannot be masked', { cause: error })
  }
  return new SallyportError('TARGET_UNREACHABLE', 'the API server ended its answer early', { cause: error })
}
