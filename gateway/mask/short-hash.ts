// A keyed hash for short values: BLAKE2s (RFC 7693) with a 16-byte digest, in one compression, because the block that holds the key is
// compressed once for a run. A pseudorandom function under its key: without it nobody can try values. Writes hex, makes no object.

const BLOCK_BYTES = 64
/** Longer values are not for this file. */
export const MAX_SHORT_BYTES = BLOCK_BYTES
const DIGEST_BYTES = 16
const ROUNDS = 10

/** RFC 7693, 2.6. */
const IV = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19)
/** RFC 7693, 2.7: which word of the message each step takes. */
const SIGMA = Uint8Array.from(
  `0123456789abcdef ea489fd61c02b753 b8c052fdae367194 7931dcbe265a40f8 905724afe1bc683d
   2c6a0b834d75fe19 c51fed4a0763928b db7ec13950f4862a 6fe9b308c2d714a5 a2847615fb9e3cd0`.replaceAll(/\s/g, ''),
  digit => Number.parseInt(digit, 16),
)
const HEX = Uint8Array.from('0123456789abcdef', digit => digit.charCodeAt(0))

export class ShortHash {
  /** The state after the block of the key. */
  readonly #keyed = new Uint32Array(8)
  /** The digest of the empty value. */
  readonly #empty = new Uint32Array(8)
  readonly #state = new Uint32Array(8)
  readonly #words = new Int32Array(16)

  /** @param key 32 bytes. */
  constructor(key: Buffer) {
    this.#state.set(IV)
    // Parameter block: digest length, key length, fanout 1, depth 1.
    this.#state[0] = (IV[0] ?? 0) ^ 0x01010000 ^ (32 << 8) ^ DIGEST_BYTES
    this.#load(key, 0, 32)
    this.#empty.set(this.#state)
    compress(this.#state, this.#words, BLOCK_BYTES, false)
    this.#keyed.set(this.#state)
    // Without a message, the block of the key is the last one.
    compress(this.#empty, this.#words, BLOCK_BYTES, true)
  }

  /** Writes 32 hex digits at `at`. The value is at most MAX_SHORT_BYTES long. */
  write(value: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
    this.#state.set(start === end ? this.#empty : this.#keyed)
    if (start < end) {
      this.#load(value, start, end)
      compress(this.#state, this.#words, BLOCK_BYTES + end - start, true)
    }
    for (let index = 0, to = at; index < DIGEST_BYTES / 4; index++) {
      let word = this.#state[index] ?? 0
      for (let byte = 0; byte < 4; byte++, word >>>= 8) {
        out[to++] = HEX[(word >>> 4) & 15] ?? 0
        out[to++] = HEX[word & 15] ?? 0
      }
    }
  }

  #load(value: Uint8Array, start: number, end: number): void {
    const words = this.#words
    words.fill(0)
    for (let at = start, index = 0; at < end; at++, index++)
      words[index >> 2] = (words[index >> 2] ?? 0) | ((value[at] ?? 0) << ((index & 3) << 3))
  }
}

/** RFC 7693, 3.2. The working vector stands in variables: as an array it takes three times as long. @param bytes so far, this block included. */
function compress(state: Uint32Array, words: Int32Array, bytes: number, isLast: boolean): void {
  let v0 = (state[0] ?? 0) | 0
  let v1 = (state[1] ?? 0) | 0
  let v2 = (state[2] ?? 0) | 0
  let v3 = (state[3] ?? 0) | 0
  let v4 = (state[4] ?? 0) | 0
  let v5 = (state[5] ?? 0) | 0
  let v6 = (state[6] ?? 0) | 0
  let v7 = (state[7] ?? 0) | 0
  let v8 = (IV[0] ?? 0) | 0
  let v9 = (IV[1] ?? 0) | 0
  let v10 = (IV[2] ?? 0) | 0
  let v11 = (IV[3] ?? 0) | 0
  let v12 = (IV[4] ?? 0) | 0
  let v13 = (IV[5] ?? 0) | 0
  let v14 = (IV[6] ?? 0) | 0
  let v15 = (IV[7] ?? 0) | 0
  v12 ^= bytes
  if (isLast) v14 = ~v14
  for (let at = 0; at < ROUNDS * 16; at += 16) {
    v0 = (v0 + v4 + wordAt(words, at)) | 0
    v12 = rotated(v12 ^ v0, 16)
    v8 = (v8 + v12) | 0
    v4 = rotated(v4 ^ v8, 12)
    v0 = (v0 + v4 + wordAt(words, at + 1)) | 0
    v12 = rotated(v12 ^ v0, 8)
    v8 = (v8 + v12) | 0
    v4 = rotated(v4 ^ v8, 7)
    v1 = (v1 + v5 + wordAt(words, at + 2)) | 0
    v13 = rotated(v13 ^ v1, 16)
    v9 = (v9 + v13) | 0
    v5 = rotated(v5 ^ v9, 12)
    v1 = (v1 + v5 + wordAt(words, at + 3)) | 0
    v13 = rotated(v13 ^ v1, 8)
    v9 = (v9 + v13) | 0
    v5 = rotated(v5 ^ v9, 7)
    v2 = (v2 + v6 + wordAt(words, at + 4)) | 0
    v14 = rotated(v14 ^ v2, 16)
    v10 = (v10 + v14) | 0
    v6 = rotated(v6 ^ v10, 12)
    v2 = (v2 + v6 + wordAt(words, at + 5)) | 0
    v14 = rotated(v14 ^ v2, 8)
    v10 = (v10 + v14) | 0
    v6 = rotated(v6 ^ v10, 7)
    v3 = (v3 + v7 + wordAt(words, at + 6)) | 0
    v15 = rotated(v15 ^ v3, 16)
    v11 = (v11 + v15) | 0
    v7 = rotated(v7 ^ v11, 12)
    v3 = (v3 + v7 + wordAt(words, at + 7)) | 0
    v15 = rotated(v15 ^ v3, 8)
    v11 = (v11 + v15) | 0
    v7 = rotated(v7 ^ v11, 7)
    v0 = (v0 + v5 + wordAt(words, at + 8)) | 0
    v15 = rotated(v15 ^ v0, 16)
    v10 = (v10 + v15) | 0
    v5 = rotated(v5 ^ v10, 12)
    v0 = (v0 + v5 + wordAt(words, at + 9)) | 0
    v15 = rotated(v15 ^ v0, 8)
    v10 = (v10 + v15) | 0
    v5 = rotated(v5 ^ v10, 7)
    v1 = (v1 + v6 + wordAt(words, at + 10)) | 0
    v12 = rotated(v12 ^ v1, 16)
    v11 = (v11 + v12) | 0
    v6 = rotated(v6 ^ v11, 12)
    v1 = (v1 + v6 + wordAt(words, at + 11)) | 0
    v12 = rotated(v12 ^ v1, 8)
    v11 = (v11 + v12) | 0
    v6 = rotated(v6 ^ v11, 7)
    v2 = (v2 + v7 + wordAt(words, at + 12)) | 0
    v13 = rotated(v13 ^ v2, 16)
    v8 = (v8 + v13) | 0
    v7 = rotated(v7 ^ v8, 12)
    v2 = (v2 + v7 + wordAt(words, at + 13)) | 0
    v13 = rotated(v13 ^ v2, 8)
    v8 = (v8 + v13) | 0
    v7 = rotated(v7 ^ v8, 7)
    v3 = (v3 + v4 + wordAt(words, at + 14)) | 0
    v14 = rotated(v14 ^ v3, 16)
    v9 = (v9 + v14) | 0
    v4 = rotated(v4 ^ v9, 12)
    v3 = (v3 + v4 + wordAt(words, at + 15)) | 0
    v14 = rotated(v14 ^ v3, 8)
    v9 = (v9 + v14) | 0
    v4 = rotated(v4 ^ v9, 7)
  }
  state[0] = (state[0] ?? 0) ^ v0 ^ v8
  state[1] = (state[1] ?? 0) ^ v1 ^ v9
  state[2] = (state[2] ?? 0) ^ v2 ^ v10
  state[3] = (state[3] ?? 0) ^ v3 ^ v11
  state[4] = (state[4] ?? 0) ^ v4 ^ v12
  state[5] = (state[5] ?? 0) ^ v5 ^ v13
  state[6] = (state[6] ?? 0) ^ v6 ^ v14
  state[7] = (state[7] ?? 0) ^ v7 ^ v15
}

function wordAt(words: Int32Array, step: number): number {
  return words[SIGMA[step] ?? 0] ?? 0
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}
