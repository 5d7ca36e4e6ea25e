// SSH packets under AES-GCM, sealed and opened by node:crypto. Pure and synchronous: bytes in, bytes out.
// Layout (RFC 5647, OpenSSH's PROTOCOL 1.6): uint32 length, in clear, authenticated | sealed: byte padding length, payload, padding | 16 bytes of tag.
// The nonce is a fixed part of 4 bytes and a counter of 8, one up for each packet.
import { createCipheriv, createDecipheriv, createSecretKey, randomFillSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { SallyportError } from '../../core/errors.ts'

const BLOCK_BYTES = 16
const TAG_BYTES = 16
const NONCE_BYTES = 12
/** OpenSSH sends nothing longer. */
const MAX_PACKET_BYTES = 256 * 1024
/** From this size on, a packet is prepared in one place that is used again for the next. */
const LARGE_BYTES = 4 * 1024
const RANDOM_BYTES = 4 * 1024

export type GcmName = 'aes-128-gcm' | 'aes-256-gcm'

export interface GcmKey {
  readonly name: GcmName
  readonly key: Buffer
  /** First nonce. */
  readonly nonce: Buffer
}

/** What is sent. The names are those by which the library uses its own. */
export class GcmSealer {
  outSeqno: number
  readonly #name: GcmName
  // Node 24 looks at a key in bytes by way of an exception, which costs more than sealing a packet.
  readonly #key: KeyObject
  readonly #nonce: Buffer
  readonly #write: (bytes: Buffer) => void
  #large: Buffer | null = null
  #isOver = false

  constructor({ name, key, nonce }: GcmKey, sequence: number, write: (bytes: Buffer) => void) {
    this.#name = name
    this.#key = createSecretKey(key)
    this.#nonce = Buffer.from(nonce)
    this.#write = write
    this.outSeqno = sequence
  }

  free(): void {
    this.#isOver = true
  }

  /** A packet with its lengths and padding, for a payload at 5. A large one is to be filled and sealed before the next is asked for. */
  allocPacket(payloadBytes: number): Buffer {
    let padding = BLOCK_BYTES - ((1 + payloadBytes) % BLOCK_BYTES)
    if (padding < 4) padding += BLOCK_BYTES
    const bytes = 4 + 1 + payloadBytes + padding
    const packet = bytes < LARGE_BYTES ? Buffer.allocUnsafe(bytes) : this.#largePacket(bytes)
    packet.writeUInt32BE(bytes - 4)
    packet[4] = padding
    fillRandom(packet, 5 + payloadBytes)
    return packet
  }

  encrypt(packet: Buffer): void {
    if (this.#isOver) return
    const cipher = createCipheriv(this.#name, this.#key, this.#nonce)
    const length = Buffer.from(packet.subarray(0, 4))
    cipher.setAAD(length)
    const sealed = cipher.update(packet.subarray(4))
    cipher.final()
    countUp(this.#nonce)
    this.outSeqno = (this.outSeqno + 1) >>> 0
    if (sealed.length < LARGE_BYTES) {
      this.#write(Buffer.concat([length, sealed, cipher.getAuthTag()]))
      return
    }
    this.#write(length)
    this.#write(sealed)
    this.#write(cipher.getAuthTag())
  }

  #largePacket(bytes: number): Buffer {
    if (this.#large === null || this.#large.length < bytes) this.#large = Buffer.allocUnsafeSlow(bytes)
    return this.#large.subarray(0, bytes)
  }
}

/** What is received. Nothing of a packet is given out before its tag is right. */
export class GcmOpener {
  inSeqno: number
  /** What takes a payload; an answer other than undefined says where to go on, false: right behind the packet. */
  _onPayload: (payload: Buffer) => unknown
  readonly #name: GcmName
  readonly #key: KeyObject
  readonly #nonce: Buffer
  /** The begin of a packet whose end has not come yet. */
  #held: Buffer = Buffer.alloc(0)
  #heldBytes = 0

  constructor({ name, key, nonce }: GcmKey, sequence: number, onPayload: (payload: Buffer) => unknown) {
    this.#name = name
    this.#key = createSecretKey(key)
    this.#nonce = Buffer.from(nonce)
    this._onPayload = onPayload
    this.inSeqno = sequence
  }

  free(): void {
    this.#held = Buffer.alloc(0)
  }

  /**
   * Opens what is whole, keeps the rest.
   *
   * @returns where to go on in `bytes` when the payload changed how; undefined when all is taken.
   * @throws {SallyportError} PROTOCOL_VIOLATION for a length that no packet may have, or a tag that is not right.
   */
  decrypt(bytes: Buffer, from: number, end: number): unknown {
    let at = from
    while (at < end) {
      let packet: Buffer
      const whole = this.#heldBytes === 0 && end - at >= 4 ? sizeOf(bytes, at) : null
      if (whole !== null && end - at >= whole) {
        packet = bytes.subarray(at, at + whole)
        at += whole
      } else {
        at = this.#hold(bytes, at, end)
        const wanted = this.#heldBytes < 4 ? null : sizeOf(this.#held, 0)
        if (wanted === null || this.#heldBytes < wanted) return undefined
        packet = this.#held.subarray(0, wanted)
        this.#heldBytes = 0
      }
      const answer = this._onPayload(this.#open(packet))
      if (answer !== undefined) return answer === false ? at : answer
    }
    return undefined
  }

  #open(packet: Buffer): Buffer {
    const end = packet.length - TAG_BYTES
    const decipher = createDecipheriv(this.#name, this.#key, this.#nonce)
    decipher.setAAD(packet.subarray(0, 4))
    decipher.setAuthTag(packet.subarray(end))
    const opened = decipher.update(packet.subarray(4, end))
    try {
      decipher.final()
    } catch {
      throw violation('a packet was changed on its way')
    }
    countUp(this.#nonce)
    this.inSeqno = (this.inSeqno + 1) >>> 0
    const padding = opened[0] ?? 0
    if (padding < 4 || padding + 1 > opened.length) throw violation('a padding that no packet may have')
    return opened.subarray(1, opened.length - padding)
  }

  /** Keeps what belongs to the packet that has begun; returns where the next one begins. */
  #hold(bytes: Buffer, from: number, end: number): number {
    let at = from
    if (this.#heldBytes < 4) {
      if (this.#held.length < 4) this.#held = Buffer.allocUnsafeSlow(LARGE_BYTES)
      at = this.#take(bytes, at, Math.min(end, at + 4 - this.#heldBytes))
      if (this.#heldBytes < 4) return at
    }
    const wanted = sizeOf(this.#held, 0)
    if (this.#held.length < wanted) {
      const larger = Buffer.allocUnsafeSlow(wanted)
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    return this.#take(bytes, at, Math.min(end, at + wanted - this.#heldBytes))
  }

  #take(bytes: Buffer, from: number, to: number): number {
    this.#heldBytes += bytes.copy(this.#held, this.#heldBytes, from, to)
    return to
  }
}

function sizeOf(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at)
  if (length < BLOCK_BYTES || length > MAX_PACKET_BYTES || length % BLOCK_BYTES !== 0) throw violation('a length that no packet may have')
  return 4 + length + TAG_BYTES
}

/** The counter is the last 8 bytes; the fixed part is never touched. */
function countUp(nonce: Buffer): void {
  for (let at = NONCE_BYTES - 1; at >= 4; at -= 1) {
    const next = ((nonce[at] ?? 0) + 1) & 0xff
    nonce[at] = next
    if (next !== 0) return
  }
}

const random = Buffer.alloc(RANDOM_BYTES)
let randomAt = RANDOM_BYTES

/** Padding from one draw for many packets; each byte is used once. */
function fillRandom(packet: Buffer, from: number): void {
  const bytes = packet.length - from
  if (randomAt + bytes > RANDOM_BYTES) {
    randomFillSync(random)
    randomAt = 0
  }
  random.copy(packet, from, randomAt, randomAt + bytes)
  randomAt += bytes
}

function violation(what: string): SallyportError {
  return new SallyportError('PROTOCOL_VIOLATION', `ssh: ${what}`)
}
