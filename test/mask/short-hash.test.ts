// The keyed hash of short values against vectors of another implementation of RFC 7693, and what a mask needs of it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assert as check, property, uint8Array } from 'fast-check'
import { MAX_SHORT_BYTES, ShortHash } from '../../gateway/mask/short-hash.ts'
import { KeyedHash } from '../../gateway/mask/text-cover.ts'

/** BLAKE2s, key 00 01 … 1f, digest of 16 bytes, message of n bytes (7i + n) mod 256; made with Python's hashlib. */
const VECTORS: readonly (readonly [length: number, digest: string])[] = [
  [0, '9536f9b267655743dee97b8a670f9f53'],
  [1, '09592f9cc501fa68e20d2d4c6eddb4d6'],
  [2, 'a5b299419ac626d42cc09487a53f2c73'],
  [3, '3a1c561fc35d607a752c8b807fc5826e'],
  [15, '2e0bad5fa3bd4050756674c3d9f4ae4a'],
  [16, 'bd823f565c862205fdd8fe35eee8eb6c'],
  [31, 'abdeb26dd6a697bfaf29ca163a4d0bd1'],
  [32, '8788d04cda7e0479b3cc65484732405b'],
  [33, '2b9a2f9c08a877e9fc801b69987ba929'],
  [55, 'a45c5f13446f414b121802567979198a'],
  [56, 'ddd59a866cea1809b36359e0bc93c1c1'],
  [63, '9451c45219c16aea00f764a122188a72'],
  [64, 'a98bd19ee44f86595e699274b7c20141'],
]
const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index))

describe('hashes of short values', () => {
  it('are those of RFC 7693', () => {
    const hash = new ShortHash(key)
    const out = Buffer.alloc(32)
    for (const [length, digest] of VECTORS) {
      const message = Buffer.from(Array.from({ length }, (_, index) => (7 * index + length) % 256))
      hash.write(message, 0, length, out, 0)
      assert.equal(out.toString(), digest, `${length} bytes`)
    }
  })

  it('depend on the value alone, wherever it stands and whatever came before', () => {
    const hash = new ShortHash(key)
    check(
      property(uint8Array({ maxLength: MAX_SHORT_BYTES }), uint8Array({ maxLength: MAX_SHORT_BYTES }), (value, other) => {
        const alone = Buffer.alloc(32)
        new ShortHash(key).write(value, 0, value.length, alone, 0)
        const within = Buffer.concat([other, value, other])
        const out = Buffer.alloc(40)
        hash.write(other, 0, other.length, out, 3)
        hash.write(within, other.length, other.length + value.length, out, 5)
        assert.deepEqual(out.subarray(5, 37), alone)
      }),
    )
  })

  it('differ under every key, and on both sides of the length at which the function changes', () => {
    const [one, other] = [new KeyedHash(Buffer.alloc(32, 1)), new KeyedHash(Buffer.alloc(32, 2))]
    const values = [0, 1, 63, 64, 65, 500].map(length => Buffer.alloc(length, 97))
    const hashes = values.flatMap(value => [one.hex(value), other.hex(value)])
    assert.equal(new Set(hashes).size, 2 * values.length)
    for (const hash of hashes) assert.match(hash, /^[0-9a-f]{32}$/)
    assert.deepEqual(
      values.map(value => one.hex(Buffer.from(value))),
      values.map(value => one.hex(value)),
    )
  })
})
