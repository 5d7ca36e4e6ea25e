// Moves one bulk result as fast as a client can: login by node-postgres, then raw bytes, counted and thrown away.
// Reads one JSON line from stdin (login, sql, and for COPY in: rows to send), writes one (bytes, milliseconds).
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Client } from 'pg'
import type { Login } from './login.ts'

export interface BulkOrder extends Login {
  readonly sql: string
  /** Lines to send; 0 = the answer comes from the server. */
  readonly rows: number
}

export interface BulkOutcome {
  readonly bytes: number
  readonly ms: number
}

/** One CopyData message of libpq's usual size. */
const MESSAGE_BYTES = 8192
const MESSAGES_A_WRITE = 16

const [line] = (await once(process.stdin, 'data')) as [Buffer]
const { sql, rows, ...login } = JSON.parse(line.toString()) as BulkOrder
const client = new Client({ ...login, host: '127.0.0.1', ssl: false })
await client.connect()
const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
stream.removeAllListeners('data')

let bytes = 0
let tail: Buffer = Buffer.alloc(0)
const ready = new Promise<void>((resolve, reject) => {
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    tail = chunk.length >= 6 ? chunk.subarray(chunk.length - 6) : Buffer.concat([tail, chunk]).subarray(-6)
    if (tail.toString('latin1') === 'Z\0\0\0\u0005I') resolve()
  })
  stream.on('close', () => reject(new Error('the connection was closed')))
})
const startedMs = performance.now()
stream.write(query(sql))
if (rows > 0) {
  const message = copyData()
  const chunk = Buffer.concat(Array.from({ length: MESSAGES_A_WRITE }, () => message.bytes))
  for (let sent = 0; sent < rows; sent += message.rows * MESSAGES_A_WRITE) {
    bytes += chunk.length
    if (!stream.write(chunk)) await once(stream, 'drain')
  }
  stream.write(Buffer.from('c\0\0\0\u0004', 'latin1'))
}
await ready
console.log(JSON.stringify({ bytes, ms: performance.now() - startedMs } satisfies BulkOutcome))
stream.destroy()
process.exit(0)

function query(text: string): Buffer {
  const body = Buffer.from(`${text}\0`)
  const head = Buffer.from('Q\0\0\0\0', 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function copyData(): { readonly bytes: Buffer; readonly rows: number } {
  const row = `1\t${'a line of words that fills about one hundred bytes, as lines of many tables do '.padEnd(95, '.')}\n`
  const count = Math.floor(MESSAGE_BYTES / row.length)
  const body = Buffer.from(row.repeat(count))
  const head = Buffer.from('d\0\0\0\0', 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return { bytes: Buffer.concat([head, body]), rows: count }
}
