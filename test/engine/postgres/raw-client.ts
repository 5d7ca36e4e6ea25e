// A client that speaks raw messages, so that a test can send what no driver would.
import net from 'node:net'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { readDataRow, readFields, readParameterStatus } from '../../../gateway/wire/postgres/backend.ts'
import { readAuthentication, readBackendKey } from '../../../gateway/wire/postgres/backend.ts'
import { writeSaslInitial, writeSaslResponse } from '../../../gateway/wire/postgres/frontend-writer.ts'
import { ScramClient, scramSha256 } from '../../../gateway/wire/postgres/scram.ts'
import { version30, writeStartup } from '../../../gateway/wire/postgres/startup.ts'

export interface Message {
  /** The type's letter. */
  readonly type: string
  readonly bytes: Buffer
}

export interface Login {
  readonly port: number
  readonly password: string
  readonly user?: string
  readonly database?: string
  readonly version?: number
  readonly parameters?: Readonly<Record<string, string>>
}

export class RawClient {
  readonly socket: net.Socket
  readonly parameters = new Map<string, string>()
  key: { readonly pid: number; readonly key: Buffer } | null = null
  #bytes = Buffer.alloc(0)
  #isClosed = false
  #wake: () => void = () => {}

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** Logs in by SCRAM and reads up to the first ReadyForQuery. @throws {Error} with the server's SQLSTATE and message. */
  static async logIn(login: Login): Promise<RawClient> {
    const client = await RawClient.connect(login.port)
    await client.start(login)
    return client
  }

  async start(login: Login): Promise<void> {
    const user = login.user ?? 'anybody'
    const parameters = new Map(Object.entries({ user, database: login.database ?? user, ...login.parameters }))
    this.send(writeStartup(login.version ?? version30, parameters))
    const scram = new ScramClient('n', randomBytes(12).toString('base64'))
    for (;;) {
      const { type, bytes } = await this.next()
      if (type === 'E') throw errorOf(bytes)
      if (type === 'S') this.parameters.set(...readParameterStatus(bytes, 0, bytes.length))
      if (type === 'K') this.key = readBackendKey(bytes, 0, bytes.length)
      if (type === 'Z') return
      if (type !== 'R') continue
      const asked = readAuthentication(bytes, 0, bytes.length)
      if (asked.kind === 'sasl') this.send(writeSaslInitial(scramSha256, scram.first()))
      if (asked.kind === 'sasl-continue') this.send(writeSaslResponse(scram.final(asked.challenge.toString(), Buffer.from(login.password))))
      if (asked.kind === 'sasl-final') scram.verify(asked.outcome.toString())
    }
  }

  send(...messages: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(messages))
  }

  /** The next message; fails when the stream ends first. */
  async next(): Promise<Message> {
    while (this.#bytes.length < 5 || this.#bytes.length < this.#bytes.readInt32BE(1) + 1) {
      if (this.#isClosed) throw new Error('the connection was closed')
      await this.#more()
    }
    const length = this.#bytes.readInt32BE(1) + 1
    const bytes = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return { type: String.fromCharCode(bytes.readUInt8(0)), bytes }
  }

  /** All messages up to and with the next of this type, notices and settings left out. */
  async until(type: string): Promise<Message[]> {
    const messages: Message[] = []
    for (;;) {
      const message = await this.next()
      if (!'NSA'.includes(message.type) || message.type === type) messages.push(message)
      if (message.type === type) return messages
    }
  }

  /** One answer up to ReadyForQuery, in short: `1 2 D(a,null) C(SELECT 1) E(42501) Z(I)`. */
  async answer(): Promise<string> {
    return (await this.until('Z')).map(message => shortOf(message)).join(' ')
  }

  /** Bytes outside of messages, such as the answer to SSLRequest. */
  async bytes(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) {
      if (this.#isClosed) throw new Error('the connection was closed')
      await this.#more()
    }
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  /** Everything that still comes until the other side closes. */
  async rest(): Promise<Message[]> {
    const messages: Message[] = []
    for (;;) {
      try {
        messages.push(await this.next())
      } catch {
        return messages
      }
    }
  }

  close(): void {
    this.socket.destroy()
  }

  async #more(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#wake = resolve
    })
  }
}

export function shortOf({ type, bytes }: Message): string {
  if (type === 'D')
    return `D(${readDataRow(bytes, 0, bytes.length)
      .map(cell => cell?.toString() ?? 'null')
      .join(',')})`
  if (type === 'C') return `C(${bytes.toString('utf8', 5, bytes.length - 1)})`
  if (type === 'E') return `E(${fieldsOf(bytes).get('C') ?? ''})`
  if (type === 'Z') return `Z(${String.fromCharCode(bytes.readUInt8(5))})`
  return type
}

export function fieldsOf(bytes: Buffer): ReadonlyMap<string, string> {
  return readFields(bytes, 0, bytes.length)
}

function errorOf(bytes: Buffer): Error {
  const fields = fieldsOf(bytes)
  return new Error(`${fields.get('C') ?? ''} ${fields.get('M') ?? ''}`)
}
