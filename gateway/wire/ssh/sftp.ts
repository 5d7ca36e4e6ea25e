// SFTP version 3, as OpenSSH speaks it (draft-ietf-secsh-filexfer-02, OpenSSH's PROTOCOL). Pure and synchronous: bytes in, packets out.
// Layout: uint32 length, not counting itself | byte type | uint32 id (not in INIT and VERSION) | fields of the type.
import { SallyportError } from '../../core/errors.ts'

export const sftpType = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 200,
  extendedReply: 201,
} as const

export const sftpStatus = { ok: 0, endOfFile: 1, permissionDenied: 3, failure: 4, badMessage: 5, unsupported: 8 } as const

export const openFlag = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const

/** SSH_FILEXFER_ATTR_SIZE: the attributes begin with a size. */
export const ATTRIBUTE_SIZE = 1

/** Reads the fields of one packet in their order. @throws {SallyportError} PROTOCOL_VIOLATION when it is too short. */
export class SftpFields {
  readonly type: number
  readonly #packet: Buffer
  #at = 5

  constructor(packet: Buffer) {
    this.#packet = packet
    this.type = packet[4] ?? 0
  }

  uint32(): number {
    if (this.#at + 4 > this.#packet.length) throw violation('a packet that is too short')
    const value = this.#packet.readUInt32BE(this.#at)
    this.#at += 4
    return value
  }

  uint64(): bigint {
    if (this.#at + 8 > this.#packet.length) throw violation('a packet that is too short')
    const value = this.#packet.readBigUInt64BE(this.#at)
    this.#at += 8
    return value
  }

  bytes(): Buffer {
    const length = this.uint32()
    if (this.#at + length > this.#packet.length) throw violation('a packet that is too short')
    const value = this.#packet.subarray(this.#at, this.#at + length)
    this.#at += length
    return value
  }

  /** What has not been read. */
  rest(): Buffer {
    return this.#packet.subarray(this.#at)
  }

  /** A path or name; null when it is not UTF-8 or holds NUL. */
  text(): string | null {
    const bytes = this.bytes()
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
      return text.includes('\0') ? null : text
    } catch {
      return null
    }
  }
}

export function writeStatus(id: number, status: number, message: string): Buffer {
  return packetOf(sftpType.status, uint32(id), uint32(status), sized(message), sized(''))
}

export function writeRealPath(id: number, path: string): Buffer {
  return packetOf(sftpType.realpath, uint32(id), sized(path))
}

/**
 * The same request with other texts: those after the first `after` ones that follow the number. What comes behind them stays as it is.
 * @throws {SallyportError} PROTOCOL_VIOLATION when the packet is too short.
 */
export function replaceTexts(packet: Buffer, after: number, texts: readonly string[]): Buffer {
  const fields = new SftpFields(packet)
  const id = fields.uint32()
  const kept = Array.from({ length: after }, () => fields.bytes())
  for (const _ of texts) fields.bytes()
  return packetOf(fields.type, uint32(id), ...kept.map(bytes => sizedBytes(bytes)), ...texts.map(text => sized(text)), fields.rest())
}

function packetOf(type: number, ...fields: readonly Buffer[]): Buffer {
  const length = 1 + fields.reduce((sum, field) => sum + field.length, 0)
  return Buffer.concat([uint32(length), Buffer.from([type]), ...fields])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function sized(text: string): Buffer {
  return sizedBytes(Buffer.from(text))
}

function sizedBytes(bytes: Buffer): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes])
}

function violation(what: string): SallyportError {
  return new SallyportError('PROTOCOL_VIOLATION', `sftp: ${what}`)
}
