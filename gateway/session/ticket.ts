// The short-lived secret by which a local client proves that it belongs to this run: 160 random bits in base32.
// Base32 survives URLs, service files, ssh and kubeconfig without quoting.
import { createHash, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const TICKET_BYTES = 20
/** One listener uses one salt; the bound only keeps a caller that varies it from filling memory. */
const MAX_SALTED = 8

/** A new ticket: 32 characters, 160 bits, RFC 4648 base32 in lower case. */
export function newTicket(): string {
  let value = 0n
  for (const byte of randomBytes(TICKET_BYTES)) value = (value << 8n) | BigInt(byte)
  let text = ''
  for (let shift = TICKET_BYTES * 8 - 5; shift >= 0; shift -= 5) text += ALPHABET.charAt(Number((value >> BigInt(shift)) & 31n))
  return text
}

/** Checks candidates against one ticket without telling by time how much of it was right. */
export class TicketCheck {
  readonly #ticket: Buffer
  readonly #digest: Buffer
  readonly #salted = new Map<string, Buffer>()

  constructor(ticket: string) {
    this.#ticket = Buffer.from(ticket, 'utf8')
    this.#digest = sha256(this.#ticket)
  }

  isTicket(candidate: Buffer): boolean {
    // Digests have one length, so the comparison tells nothing of the candidate's either.
    return timingSafeEqual(sha256(candidate), this.#digest)
  }

  /** PBKDF2-HMAC-SHA-256 of the ticket, 32 bytes; computed once per salt and count. */
  salted(salt: Buffer, iterations: number): Buffer {
    const key = `${iterations}:${salt.toString('hex')}`
    const known = this.#salted.get(key)
    if (known !== undefined) return known
    const derived = pbkdf2Sync(this.#ticket, salt, iterations, 32, 'sha256')
    if (this.#salted.size >= MAX_SALTED) this.#salted.clear()
    this.#salted.set(key, derived)
    return derived
  }
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}
