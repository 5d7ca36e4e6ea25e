// Makes one input: some messages of a real capture, changed as bytes, as messages, or in their SQL; cut into chunks anywhere.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Random } from './random.ts'
import { hostileTexts, sqlWords } from './sql-words.ts'

const MAX_MESSAGES = 10
const folder = path.join(import.meta.dirname, 'captures')

/** Each capture as its messages, headers included. */
const captures: readonly (readonly Buffer[])[] = readdirSync(folder)
  .filter(name => name.endsWith('.bin'))
  .toSorted()
  .map(name => messagesOf(readFileSync(path.join(folder, name))))

const types = Buffer.from('QPBEDCHSFXdcfpZ\0RWv')

export interface Input {
  /** As they arrive at the gateway. */
  readonly chunks: readonly Buffer[]
  /** Its target answers what no target would, now and then. */
  readonly hasHostileTarget: boolean
}

export function makeInput(random: Random): Input {
  const capture = random.of(captures)
  const from = random.below(capture.length)
  let messages: Buffer[] = capture.slice(from, from + 1 + random.below(MAX_MESSAGES)).map(message => Buffer.from(message))
  for (let left = 1 + random.below(4); left > 0; left--) messages = changeMessages(random, messages)
  let bytes: Buffer = Buffer.concat(messages)
  if (random.once(3)) for (let left = 1 + random.below(4); left > 0; left--) bytes = changeBytes(random, bytes)
  return { chunks: cut(random, bytes), hasHostileTarget: random.once(12) }
}

/** Messages stay messages: their lengths are right, what they say is not. */
function changeMessages(random: Random, messages: readonly Buffer[]): Buffer[] {
  const changed = [...messages]
  const at = random.below(changed.length)
  const message = changed[at]
  if (message === undefined) return changed
  switch (random.below(10)) {
    case 0:
      changed.splice(at, 1)
      break
    case 1:
      changed.splice(random.below(changed.length + 1), 0, message)
      break
    case 2:
      changed.splice(at, 0, Buffer.from(random.of(random.of(captures))))
      break
    case 3:
      changed.splice(at, 1, withLength(changeBytes(random, message.subarray(5)), message[0] ?? 0))
      break
    case 4:
      changed.splice(at, 1, withLength(message.subarray(5), types[random.below(types.length)] ?? 0))
      break
    case 5:
      changed.splice(at, 0, withLength(Buffer.alloc(0), random.of([0x53, 0x48, 0x63, 0x53])))
      break
    case 6:
      changed.splice(at, 1, query(random, Buffer.from(random.of(hostileTexts))))
      break
    default: {
      const text = textAt(message)
      if (text === null) break
      const [start, end] = text
      const sql = changeText(random, message.subarray(start, end))
      changed[at] = withLength(Buffer.concat([message.subarray(5, start), sql, message.subarray(end)]), message[0] ?? 0)
    }
  }
  return changed
}

/** A text as a Query, or as Parse, Bind and Execute under a name of the captures. */
function query(random: Random, text: Buffer): Buffer {
  const zero = Buffer.from([0])
  if (random.once(2)) return withLength(Buffer.concat([text, zero]), 0x51)
  const name = Buffer.from(random.of(['', 'one', 'P_0', 's']))
  const parse = withLength(Buffer.concat([name, zero, text, zero, Buffer.alloc(2)]), 0x50)
  const bind = withLength(Buffer.concat([zero, name, zero, Buffer.alloc(6)]), 0x42)
  return Buffer.concat([parse, bind, withLength(Buffer.alloc(5), 0x45)])
}

/** Where the SQL of a Query or Parse stands; null when the message has none. */
function textAt(message: Buffer): readonly [number, number] | null {
  if (message[0] === 0x51) return [5, Math.max(5, message.length - 1)]
  if (message[0] !== 0x50) return null
  const start = message.indexOf(0, 5) + 1
  const end = message.indexOf(0, start)
  return start === 0 || end < 0 ? null : [start, end]
}

function changeText(random: Random, text: Buffer): Buffer {
  const at = random.below(text.length + 1)
  const insert = (words: string): Buffer => Buffer.concat([text.subarray(0, at), Buffer.from(words), text.subarray(at)])
  switch (random.below(6)) {
    case 0:
      return changeBytes(random, text)
    case 1:
      return Buffer.concat([text, Buffer.from(`; ${random.of(hostileTexts)}`)])
    case 2:
      return Buffer.from(random.of(hostileTexts))
    case 3: {
      const other = Buffer.from(random.of(hostileTexts))
      return Buffer.concat([text.subarray(0, at), other.subarray(random.below(other.length))])
    }
    default:
      return insert(` ${random.of(sqlWords)} `)
  }
}

function changeBytes(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length)
  const end = Math.min(bytes.length, at + 1 + random.below(12))
  switch (random.below(8)) {
    case 0:
      return with1(bytes, at, (bytes[at] ?? 0) ^ (1 << random.below(8)))
    case 1:
      return with1(bytes, at, random.below(256))
    case 2:
      return with1(bytes, at, random.of([0, 1, 0x7f, 0x80, 0xff, 0x27, 0x5c, 0x24, 0x3b, 0x2d]))
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    case 4:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    case 5:
      return bytes.subarray(0, at)
    case 6:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([random.below(256)]), bytes.subarray(at)])
    default:
      return withNumber(random, bytes, at)
  }
}

function with1(bytes: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(bytes)
  if (changed.length > 0) changed[at] = byte
  return changed
}

/** A length or a count that cannot be. */
function withNumber(random: Random, bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  const numbers = [0, 1, 3, 4, 5, -1, 0x7fff_ffff, -0x8000_0000, 0x0100_0000, 65_535, random.below(4096)]
  if (changed.length >= 4) changed.writeInt32BE(random.of(numbers), Math.min(at, changed.length - 4))
  return changed
}

function withLength(body: Buffer, type: number): Buffer {
  const message = Buffer.alloc(body.length + 5)
  message[0] = type
  message.writeInt32BE(body.length + 4, 1)
  body.copy(message, 5)
  return message
}

function cut(random: Random, bytes: Buffer): readonly Buffer[] {
  const chunks: Buffer[] = []
  let from = 0
  while (from < bytes.length) {
    const end = random.once(2) ? bytes.length : Math.min(bytes.length, from + 1 + random.below(bytes.length))
    // A copy: the gateway may keep what it was given, and nobody else writes into it.
    chunks.push(Buffer.from(bytes.subarray(from, end)))
    from = end
  }
  return chunks
}

function messagesOf(bytes: Buffer): readonly Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    messages.push(bytes.subarray(at, end))
    at = end
  }
  return messages
}
