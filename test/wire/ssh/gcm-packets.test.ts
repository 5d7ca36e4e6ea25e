import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import ssh2Crypto from 'ssh2/lib/protocol/crypto.js'
import { GcmOpener, GcmSealer } from '../../../gateway/wire/ssh/gcm-packets.ts'
import type { GcmKey, GcmName } from '../../../gateway/wire/ssh/gcm-packets.ts'

const { createCipher, createDecipher, CIPHER_INFO } = ssh2Crypto

const names: readonly GcmName[] = ['aes-128-gcm', 'aes-256-gcm']

function keyFor(name: GcmName, nonce = randomBytes(12)): GcmKey {
  return { name, key: randomBytes(name === 'aes-128-gcm' ? 16 : 32), nonce }
}

/** All packets of these payloads, one after the other. */
function seal(key: GcmKey, payloads: readonly Buffer[]): Buffer {
  const sent: Buffer[] = []
  const sealer = new GcmSealer(key, 0, bytes => sent.push(bytes))
  for (const payload of payloads) {
    const packet = sealer.allocPacket(payload.length)
    packet.set(payload, 5)
    sealer.encrypt(packet)
  }
  return Buffer.concat(sent)
}

function open(key: GcmKey, pieces: readonly Buffer[]): Buffer[] {
  const payloads: Buffer[] = []
  const opener = new GcmOpener(key, 0, payload => void payloads.push(payload))
  for (const piece of pieces) assert.equal(opener.decrypt(piece, 0, piece.length), undefined)
  return payloads
}

const payloads = [
  Buffer.alloc(0),
  Buffer.from('x'),
  randomBytes(11),
  randomBytes(12),
  randomBytes(4_000),
  randomBytes(32_777),
  Buffer.from('end'),
]

describe('packets under AES-GCM', () => {
  it('are what node:crypto makes of length, padding length, payload and padding', () => {
    for (const name of names) {
      const key = keyFor(name)
      const sealed = seal(key, [Buffer.from('payload')])
      const length = sealed.readUInt32BE()
      assert.equal(length % 16, 0)
      const cipher = createCipheriv(name, key.key, key.nonce).setAAD(sealed.subarray(0, 4))
      const plain = Buffer.from(open(key, [sealed])[0] as Buffer)
      assert.equal(plain.toString(), 'payload')
      // The padding is random: the stream is the same for any text, so it is taken from what was sealed.
      const stream = cipher.update(Buffer.alloc(length))
      const text = Buffer.from(sealed.subarray(4, 4 + length).map((byte, at) => byte ^ (stream[at] ?? 0)))
      assert.equal(text[0], length - 1 - 'payload'.length)
      assert.ok((text[0] ?? 0) >= 4)
      const again = createCipheriv(name, key.key, key.nonce).setAAD(sealed.subarray(0, 4))
      again.update(text)
      again.final()
      assert.deepEqual(sealed.subarray(4 + length), again.getAuthTag())
    }
  })

  it('are read by the library and read what it writes, also where the counter carries', () => {
    for (const name of names) {
      for (const counter of ['0000000000000000', '00000000000000ff', '00000000ffffffff', 'ffffffffffffffff']) {
        const key = keyFor(name, Buffer.concat([randomBytes(4), Buffer.from(counter, 'hex')]))
        const cipher = CIPHER_INFO[name === 'aes-128-gcm' ? 'aes128-gcm@openssh.com' : 'aes256-gcm@openssh.com']
        const theirs: Buffer[] = []
        const decipher = createDecipher({
          inbound: {
            seqno: 0,
            onPayload: (payload: Buffer) => void theirs.push(Buffer.from(payload)),
            decipherInfo: cipher,
            decipherKey: key.key,
            decipherIV: Buffer.from(key.nonce),
          },
        })
        const sealed = seal(key, payloads.slice(1))
        decipher.decrypt(sealed, 0, sealed.length)
        assert.deepEqual(theirs, payloads.slice(1))
        const written: Buffer[] = []
        const sealer = createCipher({
          outbound: {
            seqno: 0,
            onWrite: (bytes: Buffer) => void written.push(Buffer.from(bytes)),
            cipherInfo: cipher,
            cipherKey: key.key,
            cipherIV: Buffer.from(key.nonce),
          },
        })
        for (const payload of payloads) {
          const packet = sealer.allocPacket(payload.length)
          packet.set(payload, 5)
          sealer.encrypt(packet)
        }
        assert.deepEqual(open(key, [Buffer.concat(written)]), payloads)
      }
    }
  })

  it('open the same whole, cut at every byte, and byte by byte', () => {
    const key = keyFor('aes-128-gcm')
    const some = [Buffer.from('first'), randomBytes(100), Buffer.from('last')]
    const sealed = seal(key, some)
    for (let cut = 0; cut <= sealed.length; cut++) assert.deepEqual(open(key, [sealed.subarray(0, cut), sealed.subarray(cut)]), some)
    assert.deepEqual(
      open(
        key,
        Array.from(sealed, byte => Buffer.from([byte])),
      ),
      some,
    )
  })

  it('open the same however they are cut, in a buffer that is used again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 50_000 })),
        (sizes, cuts) => {
          const key = keyFor('aes-128-gcm')
          const sent = sizes.map(size => randomBytes(size))
          const sealed = seal(key, sent)
          const found: Buffer[] = []
          const opener = new GcmOpener(key, 0, payload => void found.push(payload))
          const shared = Buffer.alloc(50_100)
          let at = 0
          for (const cut of [...cuts, ...Array.from({ length: 6 }, () => 50_000)]) {
            const bytes = sealed.copy(shared, 50, at, Math.min(at + cut, sealed.length))
            opener.decrypt(shared, 50, 50 + bytes)
            at += bytes
            shared.fill(0xee)
          }
          assert.deepEqual(found, sent)
          assert.equal(opener.inSeqno, sent.length)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('give nothing out when any byte was changed', () => {
    const key = keyFor('aes-256-gcm')
    const sealed = seal(key, [Buffer.from('a payload of some length')])
    const rest = Buffer.alloc(262_200)
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      const found: Buffer[] = []
      const opener = new GcmOpener(key, 0, payload => void found.push(payload))
      // Enough behind it for the longest packet that a changed length may tell of.
      const followed = Buffer.concat([changed, rest])
      assert.throws(() => opener.decrypt(followed, 0, followed.length), /ssh: /)
      assert.deepEqual(found, [])
    }
  })

  it('are refused in another order, a second time, and with a length that no packet may have', () => {
    const key = keyFor('aes-128-gcm')
    const one = seal(key, [Buffer.from('one')])
    assert.throws(() => open(key, [one, one]), /ssh: a packet was changed/)
    const both = seal(key, [Buffer.from('one'), Buffer.from('two')])
    assert.throws(() => open(key, [both.subarray(one.length), one]), /ssh: a packet was changed/)
    for (const length of [0, 15, 17, 262_160, 0xffff_fff0]) {
      const head = Buffer.alloc(4)
      head.writeUInt32BE(length)
      assert.throws(() => open(key, [head]), /ssh: a length/)
    }
  })

  it('stop where the payload says that what follows is read in another way', () => {
    const key = keyFor('aes-128-gcm')
    const one = seal(key, [Buffer.from('one')])
    const both = seal(key, [Buffer.from('one'), Buffer.from('two')])
    assert.equal(new GcmOpener(key, 0, () => false).decrypt(both, 0, both.length), one.length)
  })

  it('are not sent once the sealer is given back', () => {
    const sent: Buffer[] = []
    const sealer = new GcmSealer(keyFor('aes-128-gcm'), 7, bytes => sent.push(bytes))
    sealer.free()
    sealer.encrypt(sealer.allocPacket(10))
    assert.deepEqual(sent, [])
    assert.equal(sealer.outSeqno, 7)
  })
})
