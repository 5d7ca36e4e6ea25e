import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openEnvelope, preAuthEncoding, sealEnvelope } from '../../gateway/record/dsse.ts'
import { createSigner } from '../../gateway/record/signed-note.ts'

const type = 'application/vnd.in-toto+json'
const payload = Buffer.from('{"hello":"wörld"}')

describe('a DSSE envelope', () => {
  it("signs the protocol's pre-authentication encoding", () => {
    // The example of the DSSE protocol page.
    assert.equal(
      preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world')).toString(),
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    )
    assert.equal(preAuthEncoding('té', Buffer.from('ö')).toString(), 'DSSEv1 3 té 2 ö')
  })

  it('opens with the key that sealed it, and with no other', () => {
    const signer = createSigner('test')
    const envelope = sealEnvelope(type, payload, signer)
    assert.deepEqual(Object.keys(JSON.parse(envelope)), ['payload', 'payloadType', 'signatures'])
    assert.deepEqual(openEnvelope(envelope, type, signer), payload)
    assert.equal(openEnvelope(envelope, 'text/plain', signer), null)
    assert.equal(openEnvelope(envelope, type, createSigner('test')), null)
  })

  it('does not open with any one bit of it flipped, white space and unsigned members included', () => {
    const signer = createSigner('test')
    const bytes = Buffer.from(sealEnvelope(type, payload, signer))
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(openEnvelope(flipped.toString(), type, signer), null, `bit ${bit}`)
    }
  })

  it('has one spelling only', () => {
    const signer = createSigner('test')
    const envelope = sealEnvelope(type, payload, signer)
    for (const other of [
      envelope.trim(),
      ` ${envelope}`,
      `${envelope}\n`,
      JSON.stringify(JSON.parse(envelope), null, 1),
      envelope.replace('{', '{"extra":1,'),
    ])
      assert.equal(openEnvelope(other, type, signer), null)
  })
})
