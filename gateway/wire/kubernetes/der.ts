// The few values of ASN.1 that a certificate is made of, in DER: tag, length, content. Writing only; nothing here reads a stranger's bytes.
// @see ITU-T X.690, 8 and 10

const MAX_SHORT_LENGTH = 0x7f

/** One value: its tag, the length of its content in the shortest form, its content. */
export function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  if (body.length <= MAX_SHORT_LENGTH) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = minimal(BigInt(body.length))
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body])
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts)
}

export function set(...parts: readonly Buffer[]): Buffer {
  return der(0x31, ...parts)
}

/** @param number not negative. */
export function integer(number: bigint): Buffer {
  const bytes = minimal(number)
  // A leading one would make it negative.
  return der(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes)
}

export function boolean(value: boolean): Buffer {
  return der(0x01, Buffer.from([value ? 0xff : 0]))
}

/** Whole bytes, no unused bits, unless told. */
export function bitString(bytes: Buffer, unusedBits = 0): Buffer {
  return der(0x03, Buffer.from([unusedBits]), bytes)
}

export function octetString(...parts: readonly Buffer[]): Buffer {
  return der(0x04, ...parts)
}

export function utf8String(text: string): Buffer {
  return der(0x0c, Buffer.from(text, 'utf8'))
}

/** `[number]`, constructed. */
export function context(number: number, ...parts: readonly Buffer[]): Buffer {
  return der(0xa0 | number, ...parts)
}

/** @param dotted `1.2.840.10045.4.3.2`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

/** UTCTime until 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5). */
export function time(at: Date): Buffer {
  const digits = `${at.toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '')}Z`
  return at.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(digits.slice(2), 'ascii')) : der(0x18, Buffer.from(digits, 'ascii'))
}

function minimal(number: bigint): Buffer {
  const hex = number.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80)
  return digits
}
