// SHA-256 (FIPS 180-4), synchronous: a page hashes tens of thousands of short lines, and one asynchronous call for each is far slower.

const BLOCK_BYTES = 64

/** Fractional parts of the cube roots of the first 64 primes. */
const rounds = fractions(64, prime => Math.cbrt(prime))
/** Fractional parts of the square roots of the first 8 primes. */
const start = fractions(8, prime => Math.sqrt(prime))

/** Used by one digest after the other: nothing here waits. */
const words = new Int32Array(64)
const state = new Int32Array(8)
const tail = new Uint8Array(2 * BLOCK_BYTES)

export function sha256(message: Uint8Array): Uint8Array {
  state.set(start)
  const whole = message.length - (message.length % BLOCK_BYTES)
  for (let block = 0; block < whole; block += BLOCK_BYTES) compress(message, block)
  const rest = message.length - whole
  tail.fill(0)
  tail.set(message.subarray(whole))
  tail[rest] = 0x80
  const end = rest + 9 > BLOCK_BYTES ? 2 * BLOCK_BYTES : BLOCK_BYTES
  const view = new DataView(tail.buffer)
  view.setUint32(end - 8, Math.floor(message.length / 0x20000000))
  view.setUint32(end - 4, message.length * 8)
  for (let block = 0; block < end; block += BLOCK_BYTES) compress(tail, block)
  const digest = new DataView(new ArrayBuffer(32))
  for (let index = 0; index < 8; index += 1) digest.setInt32(index * 4, state[index] ?? 0)
  return new Uint8Array(digest.buffer)
}

function compress(bytes: Uint8Array, block: number): void {
  for (let index = 0, at = block; index < 16; index += 1, at += 4)
    words[index] = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
  for (let index = 16; index < 64; index += 1) {
    const x = words[index - 15] ?? 0
    const y = words[index - 2] ?? 0
    const s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)
    const s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10)
    words[index] = (words[index - 16] ?? 0) + s0 + (words[index - 7] ?? 0) + s1
  }
  let a = state[0] ?? 0
  let b = state[1] ?? 0
  let c = state[2] ?? 0
  let d = state[3] ?? 0
  let e = state[4] ?? 0
  let f = state[5] ?? 0
  let g = state[6] ?? 0
  let h = state[7] ?? 0
  for (let index = 0; index < 64; index += 1) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (rounds[index] ?? 0) + (words[index] ?? 0)) | 0
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  add(0, a)
  add(1, b)
  add(2, c)
  add(3, d)
  add(4, e)
  add(5, f)
  add(6, g)
  add(7, h)
}

function add(index: number, word: number): void {
  state[index] = (state[index] ?? 0) + word
}

function turn(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}

function fractions(count: number, root: (prime: number) => number): Int32Array {
  const found = new Int32Array(count)
  let at = 0
  for (let candidate = 2; at < count; candidate += 1) {
    let isPrime = true
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) if (candidate % divisor === 0) isPrime = false
    if (!isPrime) continue
    const value = root(candidate)
    found[at] = Math.floor((value - Math.floor(value)) * 0x100000000)
    at += 1
  }
  return found
}
