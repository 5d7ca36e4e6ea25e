// Bech32 (BIP 173) as age uses it: a lower-case name, `1`, five bits a character, a checksum. No length limit, one case only.
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const CHECKSUM_CHARS = 6

/** The bytes behind `name1…`; null when it is spelled in any other way than an encoder spells it. */
export function decodeBech32(name: string, text: string): Buffer | null {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return null
  const lower = text.toLowerCase()
  if (!lower.startsWith(`${name}1`)) return null
  const values = Array.from(lower.slice(name.length + 1), character => ALPHABET.indexOf(character))
  if (values.includes(-1) || values.length < CHECKSUM_CHARS || checksum([...spread(name), ...values]) !== 1) return null
  return pack(values.slice(0, -CHECKSUM_CHARS))
}

function spread(name: string): number[] {
  const codes = [...Buffer.from(name, 'latin1')]
  return [...codes.map(code => code >> 5), 0, ...codes.map(code => code & 31)]
}

function checksum(values: readonly number[]): number {
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, term] of GENERATOR.entries()) if (((top >> bit) & 1) === 1) sum ^= term
  }
  return sum >>> 0
}

/** Five bits a value into bytes; what is left over must be less than one value, and zero. */
function pack(values: readonly number[]): Buffer | null {
  const bytes: number[] = []
  let held = 0
  let bits = 0
  for (const value of values) {
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
  }
  return bits < 5 && (held & ((1 << bits) - 1)) === 0 ? Buffer.from(bytes) : null
}
