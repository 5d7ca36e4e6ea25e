// A client of the file server that sends what it is told, packet by packet: what no well-behaved client would.
import { once } from 'node:events'
import ssh2 from 'ssh2'
import type { ConnectConfig, ClientChannel } from 'ssh2'
import { sftpType } from '../../../gateway/wire/ssh/sftp.ts'

type Field = number | bigint | string | Buffer

export interface RawAnswer {
  readonly type: number
  /** Of a status; -1 for anything else. */
  readonly status: number
  /** Of a handle or data. */
  readonly bytes: Buffer
}

export interface RawFiles {
  /** Sends one request and waits for its answer. Numbers are uint32, bigints uint64, texts and buffers have their length before them. */
  ask(type: number, ...fields: readonly Field[]): Promise<RawAnswer>
  /** The handle of a file or folder. @throws {Error} when the server gives none. */
  open(file: string, flags: number): Promise<Buffer>
  end(): void
}

export async function openRawFiles(config: ConnectConfig): Promise<RawFiles> {
  const client = new ssh2.Client()
  client.on('error', () => {})
  client.connect({ host: '127.0.0.1', ...config })
  await once(client, 'ready')
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.subsys('sftp', (error, made) => (error === undefined ? resolve(made) : reject(error)))
  })
  channel.stderr.resume()
  const waiting = new Map<number, (answer: RawAnswer) => void>()
  let seen = Buffer.alloc(0)
  let greeted: () => void = () => {}
  const greeting = new Promise<void>(resolve => (greeted = resolve))
  channel.on('data', (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk])
    while (seen.length >= 4 && seen.length >= 4 + seen.readUInt32BE(0)) {
      const packet = seen.subarray(4, 4 + seen.readUInt32BE(0))
      seen = seen.subarray(4 + packet.length)
      const type = packet[0] ?? 0
      if (type === sftpType.version) greeted()
      else {
        const id = packet.readUInt32BE(1)
        const hasBytes = type === sftpType.handle || type === sftpType.data
        waiting.get(id)?.({
          type,
          status: type === sftpType.status ? packet.readUInt32BE(5) : -1,
          bytes: hasBytes ? Buffer.from(packet.subarray(9, 9 + packet.readUInt32BE(5))) : Buffer.alloc(0),
        })
        waiting.delete(id)
      }
    }
  })
  channel.write(packetOf(sftpType.init, [3]))
  await greeting
  let last = 0
  const ask = (type: number, ...fields: readonly Field[]): Promise<RawAnswer> => {
    const id = (last += 1)
    const answer = new Promise<RawAnswer>(resolve => waiting.set(id, resolve))
    channel.write(packetOf(type, [id, ...fields]))
    return answer
  }
  return {
    ask,
    open: async (file, flags) => {
      const { type, bytes, status } = await ask(sftpType.open, file, flags, 0)
      if (type !== sftpType.handle) throw new Error(`no handle: status ${status}`)
      return bytes
    },
    end: () => client.end(),
  }
}

function packetOf(type: number, fields: readonly Field[]): Buffer {
  const body = Buffer.concat([Buffer.from([type]), ...fields.map(bytesOf)])
  return Buffer.concat([bytesOf(body.length), body])
}

function bytesOf(field: Field): Buffer {
  if (typeof field === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(field)
    return bytes
  }
  if (typeof field === 'bigint') {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(field)
    return bytes
  }
  const bytes = Buffer.from(field)
  return Buffer.concat([bytesOf(bytes.length), bytes])
}
