// A target that reads the protocol by itself, written apart from the gateway's own reader, and says what it would have run.
// Answers plausibly: completes, fails now and then, asks for COPY data, skips to Sync after an error.
import { EventEmitter } from 'node:events'
import type { Target } from '../../gateway/engine/postgres/target.ts'
import type { TargetReader, TargetSocket } from '../../gateway/engine/postgres/target-socket.ts'
import type { Random } from './random.ts'

/** What would have run, as the server takes it: bytes of a whole message, or a prepared text with its values. */
export type Run =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'execute'; readonly text: Buffer; readonly values: Values }
/** Bytes of each value bound; null = NULL. */
type Values = readonly (Buffer | null)[]

/** What the gateway sends in the place of what it refused: no server takes it. */
export const REFUSED = 'sallyport: refused'

const ok = {
  parse: [0x31, 0, 0, 0, 4],
  bind: [0x32, 0, 0, 0, 4],
  close: [0x33, 0, 0, 0, 4],
  noData: [0x6e, 0, 0, 0, 4],
  parameters: [0x74, 0, 0, 0, 6, 0, 0],
  suspended: [0x73, 0, 0, 0, 4],
  empty: [0x49, 0, 0, 0, 4],
  copyIn: [0x47, 0, 0, 0, 7, 0, 0, 0],
  copyOut: [0x48, 0, 0, 0, 7, 0, 0, 0],
  copyRow: [0x64, 0, 0, 0, 6, 0x31, 10],
  copyDone: [0x63, 0, 0, 0, 4],
  row: [0x44, 0, 0, 0, 11, 0, 1, 0, 0, 0, 1, 0x31],
  complete: [0x43, 0, 0, 0, 13, ...Buffer.from('SELECT 1\0')],
  call: [0x56, 0, 0, 0, 8, 0, 0, 0, 0],
} as const
const failure = message(0x45, Buffer.from('SERROR\0VERROR\0C42601\0Mno\0\0'))

export class FakeTarget implements TargetSocket {
  readonly stream = Object.assign(new EventEmitter(), {
    destroyed: false,
    writableNeedDrain: false,
    end: (): void => this.destroy(),
  }) as unknown as TargetSocket['stream']
  readonly isEncrypted = false
  readonly remoteAddress = '127.0.0.1'
  readonly intake = undefined as unknown as TargetSocket['intake']
  readonly runs: Run[] = []
  /** Bytes that no server could read. */
  problem: string | null = null
  readonly #random: Random
  readonly #isHostile: boolean
  #reader: TargetReader = () => true
  #bytes = Buffer.alloc(0)
  #answers: Buffer[] = []
  readonly #statements = new Map<string, Buffer>()
  readonly #portals = new Map<string, { readonly text: Buffer; readonly values: Values }>()
  #isSkipping = false
  #isCopyIn: 'simple' | 'extended' | null = null
  #status = 0x49

  constructor(random: Random, isHostile: boolean) {
    this.#random = random
    this.#isHostile = isHostile
  }

  get target(): Target {
    const parameters = new Map(Object.entries({ standard_conforming_strings: 'on', client_encoding: 'UTF8', search_path: 'public' }))
    return { socket: this, parameters, pid: 1, key: Buffer.alloc(4), status: 0x49, user: 'u', database: 'd', notices: [] }
  }

  write(bytes: Buffer): boolean {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#bytes, bytes])
    while (this.problem === null && this.#bytes.length >= 5) {
      const end = this.#bytes.readInt32BE(1) + 1
      if (end < 5) this.problem = 'a length that cannot be'
      if (end < 5 || this.#bytes.length < end) break
      const whole = this.#bytes.subarray(0, end)
      this.#bytes = this.#bytes.subarray(end)
      this.#take(String.fromCharCode(whole[0] ?? 0), whole)
    }
    return true
  }

  read(reader: TargetReader): void {
    this.#reader = reader
  }

  /** Sends what it owes; false when it owes nothing. */
  answer(): boolean {
    if (this.#answers.length === 0 || this.stream.destroyed) return false
    let bytes = Buffer.concat(this.#answers)
    this.#answers = []
    if (this.#isHostile) {
      bytes = Buffer.from(bytes)
      for (let left = 1 + this.#random.below(3); left > 0; left--) bytes[this.#random.below(bytes.length)] = this.#random.below(256)
      if (this.#random.once(3)) bytes = bytes.subarray(0, this.#random.below(bytes.length))
    }
    const half = this.#random.once(3) ? this.#random.below(bytes.length) : 0
    if (half > 0) this.#reader(Buffer.from(bytes.subarray(0, half)))
    this.#reader(Buffer.from(bytes.subarray(half)))
    return true
  }

  pause(): void {}
  resume(): void {}

  destroy(): void {
    if (this.stream.destroyed) return
    Object.assign(this.stream, { destroyed: true })
    this.stream.emit('finish')
    this.stream.emit('close')
  }

  #take(type: string, whole: Buffer): void {
    const body = whole.subarray(5)
    if (this.#isCopyIn !== null && 'HS'.includes(type)) return
    if (this.#isCopyIn !== null && !'dcf'.includes(type)) {
      this.problem = `a message ${type} in COPY data`
      return
    }
    if (this.#isSkipping && type !== 'S' && type !== 'X') return
    switch (type) {
      case 'Q':
        return this.#query(whole)
      case 'F':
        this.runs.push({ kind: 'message', bytes: whole })
        return this.#say(ok.call, this.#ready())
      case 'P': {
        const [name, from] = word(body, 0)
        const [text] = word(body, from)
        if (text.toString() === REFUSED) return this.#fail()
        if (this.#fails()) return
        this.#statements.set(name.toString('latin1'), text)
        return this.#say(ok.parse)
      }
      case 'B': {
        const [portal, from] = word(body, 0)
        const [name, rest] = word(body, from)
        const text = this.#statements.get(name.toString('latin1'))
        if (text === undefined || this.#fails()) return this.#fail()
        this.#portals.set(portal.toString('latin1'), { text, values: valuesOf(body, rest) })
        return this.#say(ok.bind)
      }
      case 'D':
        if (this.#fails()) return
        return body[0] === 0x53 ? this.#say(ok.parameters, ok.noData) : this.#say(ok.noData)
      case 'C':
        ;(body[0] === 0x53 ? this.#statements : this.#portals).delete(word(body, 1)[0].toString('latin1'))
        return this.#say(ok.close)
      case 'E':
        return this.#execute(body)
      case 'S':
        this.#isSkipping = false
        return this.#say(this.#ready())
      case 'c':
      case 'f':
        return this.#endCopy(type)
      case 'H':
      case 'd':
      case 'X':
        return
      default:
        this.problem = `a message ${type}`
    }
  }

  #query(whole: Buffer): void {
    this.runs.push({ kind: 'message', bytes: whole })
    const text = whole.toString('utf8', 5, whole.length - 1)
    if (/^[\s;]*$/.test(text)) return this.#say(ok.empty, this.#ready())
    if (text === REFUSED || this.#random.once(9)) return this.#say(failure, this.#ready())
    if (/^\s*begin/i.test(text)) this.#status = 0x54
    if (/^\s*(commit|rollback|end|abort)/i.test(text)) this.#status = 0x49
    if (/^\s*copy\b.*\bfrom\s+stdin/is.test(text)) {
      this.#isCopyIn = 'simple'
      return this.#say(ok.copyIn)
    }
    if (/^\s*copy\b.*\bto\s+stdout/is.test(text)) return this.#say(ok.copyOut, ok.copyRow, ok.copyDone, ok.complete, this.#ready())
    this.#say(ok.complete, this.#ready())
  }

  #execute(body: Buffer): void {
    const portal = this.#portals.get(word(body, 0)[0].toString('latin1'))
    if (portal === undefined) return this.#fail()
    this.runs.push({ kind: 'execute', ...portal })
    if (this.#fails()) return
    if (/^\s*copy\b.*\bfrom\s+stdin/is.test(portal.text.toString())) {
      this.#isCopyIn = 'extended'
      return this.#say(ok.copyIn)
    }
    this.#say(ok.row, this.#random.once(8) ? ok.suspended : ok.complete)
  }

  #endCopy(type: string): void {
    const was = this.#isCopyIn
    this.#isCopyIn = null
    if (was === null) return
    if (type === 'f' || this.#random.once(8)) {
      if (was === 'extended') return this.#fail()
      return this.#say(failure, this.#ready())
    }
    this.#say(ok.complete)
    if (was === 'simple') this.#say(this.#ready())
  }

  /** Now and then it fails for no reason. */
  #fails(): boolean {
    if (!this.#random.once(16)) return false
    this.#fail()
    return true
  }

  #fail(): void {
    if (this.#isSkipping) return
    this.#isSkipping = true
    if (this.#status === 0x54) this.#status = 0x45
    this.#say(failure)
  }

  #ready(): readonly number[] {
    return [0x5a, 0, 0, 0, 5, this.#status]
  }

  #say(...answers: readonly (readonly number[] | Buffer)[]): void {
    for (const answer of answers) this.#answers.push(Buffer.from(answer as Buffer))
  }
}

/** A word up to its zero byte, and where the next one begins. */
function word(body: Buffer, from: number): readonly [Buffer, number] {
  const end = body.indexOf(0, from)
  return end < 0 ? [body.subarray(from), body.length] : [body.subarray(from, end), end + 1]
}

function valuesOf(body: Buffer, from: number): Values {
  const formats = body.readUInt16BE(from)
  let at = from + 2 + formats * 2
  const count = body.readUInt16BE(at)
  at += 2
  const values: (Buffer | null)[] = []
  for (let left = count; left > 0; left--) {
    const length = body.readInt32BE(at)
    at += 4
    values.push(length < 0 ? null : body.subarray(at, at + length))
    at += Math.max(0, length)
  }
  return values
}

function message(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header[0] = type
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}
