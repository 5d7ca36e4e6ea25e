// Lines that only auditors can read: each event sealed with the key of its run, the key in `keys.age`.
// Line: {"seq":N,"sealed":BASE64}, chacha20-poly1305 of the event; nonce = u32be era ‖ u64be N.
// A line that never reached the disk whole may be numbered again, so a failure starts a new era: no nonce is used twice.
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { SallyportError } from '../core/errors.ts'
import { decryptAge, encryptAge } from './age/age-file.ts'
import type { AgeIdentity, AgeKey } from './age/age-keys.ts'
import { canonicalBase64 } from './signed-note.ts'
import { readMembers } from './stored-event.ts'

const SCHEMA = 'sallyport/keys/v1'
const KEY_BYTES = 32
const TAG_BYTES = 16
/** A log fails once and says so; there is no third era. */
const ERAS = [0, 1] as const

/** Gives the event of a sealed line as JSON; null when the line is not as it was sealed. */
export type LineOpener = (seq: number, sealed: string) => string | null

export class LineSeal {
  /** As an object: Node looks three times as long at a buffer, for every line. */
  readonly #key = createSecretKey(randomBytes(KEY_BYTES))
  readonly #recipients: readonly AgeKey[]
  #era = 0

  constructor(recipients: readonly AgeKey[]) {
    this.#recipients = recipients
  }

  /** The content of `keys.age`. */
  keyFile(origin: string): Buffer {
    return encryptAge(
      Buffer.from(`${JSON.stringify({ schema: SCHEMA, origin, events: this.#key.export().toString('base64') })}\n`),
      this.#recipients,
    )
  }

  get recipients(): readonly AgeKey[] {
    return this.#recipients
  }

  seal(seq: number, event: string): string {
    const sealer = createCipheriv('chacha20-poly1305', this.#key, nonceOf(this.#era, seq), { authTagLength: TAG_BYTES })
    const sealed = Buffer.concat([sealer.update(event, 'utf8'), sealer.final(), sealer.getAuthTag()])
    return `{"seq":${seq},"sealed":"${sealed.toString('base64')}"}`
  }

  /** Numbers may come again from now on. */
  nextEra(): void {
    this.#era += 1
  }

  get opener(): LineOpener {
    return openerOf(this.#key)
  }
}

/**
 * @param keys content of `keys.age`.
 * @throws {SallyportError} UNREADABLE when none of the identities is an auditor's of this run, or the file was changed.
 */
export function openKeys(keys: Buffer, identities: readonly AgeIdentity[]): LineOpener {
  const said = readMembers(decryptAge(keys, identities)?.toString('utf8') ?? '')
  const key = typeof said?.['events'] === 'string' ? canonicalBase64(said['events']) : null
  if (said?.['schema'] === SCHEMA && key?.length === KEY_BYTES) return openerOf(createSecretKey(key))
  throw new SallyportError('UNREADABLE', 'keys.age cannot be opened with this identity', {
    why: 'the recording was made for other auditors, or the file is damaged',
    fix: 'give the identity of a key that recording.encrypt-to listed when the run started',
  })
}

function openerOf(key: KeyObject): LineOpener {
  return (seq, sealed) => {
    const bytes = canonicalBase64(sealed)
    if (bytes === null || bytes.length < TAG_BYTES) return null
    for (const era of ERAS) {
      try {
        const opener = createDecipheriv('chacha20-poly1305', key, nonceOf(era, seq), { authTagLength: TAG_BYTES })
        opener.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
        return Buffer.concat([opener.update(bytes.subarray(0, bytes.length - TAG_BYTES)), opener.final()]).toString('utf8')
      } catch {
        // Of another era, or changed.
      }
    }
    return null
  }
}

function nonceOf(era: number, seq: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(era, 0)
  nonce.writeBigUInt64BE(BigInt(seq), 4)
  return nonce
}
