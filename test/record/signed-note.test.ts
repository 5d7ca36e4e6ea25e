import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { openCheckpoint, signCheckpoint, splitCheckpoints } from '../../gateway/record/checkpoint.ts'
import { createSigner, openNote, readSigner, readVerifier, signNote } from '../../gateway/record/signed-note.ts'

/** The published example of the note format (golang.org/x/mod/sumdb/note). */
const peter = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const seed = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1)
const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
const note = `${text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`

describe('a signed note', () => {
  it('opens with the published key of the published example', () => {
    assert.equal(openNote(note, verifier(peter)), text)
  })

  it('is spelled as the published example when signed with its key', () => {
    const privateKey = createPrivateKey({
      key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
      format: 'der',
      type: 'pkcs8',
    })
    assert.equal(signNote(text, { ...verifier(peter), privateKey }), note)
  })

  it('does not open with any one bit of it flipped', () => {
    const key = verifier(peter)
    const bytes = Buffer.from(note, 'utf8')
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      assert.equal(openNote(flipped.toString('utf8'), key), null, `bit ${bit}`)
    }
  })

  it('does not open with another key of the same name', () => {
    assert.equal(openNote(note, createSigner('PeterNeumann')), null)
  })

  it('reads a verifier key only when its hash belongs to it', () => {
    assert.equal(verifier(peter).text, peter)
    for (const wrong of [
      '',
      'PeterNeumann',
      peter.replace('c74f20a3', 'c74f20a4'),
      peter.replace('Peter', 'Petra'),
      `${peter}=`,
      peter.slice(0, -4),
    ])
      assert.equal(readVerifier(wrong), null, wrong)
  })

  it('has no key for a name that a note cannot hold', () => {
    for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u0000b']) assert.throws(() => createSigner(name), RangeError)
  })
})

describe('a key that somebody keeps', () => {
  it('is read from PEM, and from the form that tools for signed notes write', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    const signer = readSigner(pem, 'acme/audit')!
    assert.match(signer.text, /^acme\/audit\+[0-9a-f]{8}\+/)
    assert.equal(openNote(signNote('hello\n', signer), readVerifier(signer.text)!), 'hello\n')
    const raw = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
    const written = `PRIVATE+KEY+acme/audit+${signer.keyId.toString('hex')}+${Buffer.concat([Buffer.of(1), raw]).toString('base64')}`
    assert.equal(readSigner(`${written}\n`)!.text, signer.text)
    assert.equal(readSigner(written.replace('acme/audit', 'acme/other')), null)
    // The example of golang.org/x/mod/sumdb/note.
    const known = readSigner('PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz')
    assert.equal(known!.text, peter)
  })

  it('is nothing else', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    for (const text of ['', 'hello', rsa, 'PRIVATE+KEY+a+00000000+AQ==']) assert.equal(readSigner(text), null)
  })
})

describe('a checkpoint', () => {
  const signer = createSigner('localhost/acme/shop/run/1.1/4f9c')
  const root = Buffer.alloc(32, 7)

  it('says which log, how many lines and which root', () => {
    const signed = signCheckpoint({ origin: signer.name, size: 12, root }, signer)
    assert.match(
      signed,
      /^localhost\/acme\/shop\/run\/1\.1\/4f9c\n12\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n— localhost\/acme\/shop\/run\/1\.1\/4f9c \S+\n$/,
    )
    assert.deepEqual(openCheckpoint(signed, signer), { origin: signer.name, size: 12, root })
  })

  it('counts only for the log that its key is named after', () => {
    assert.equal(openCheckpoint(signCheckpoint({ origin: 'localhost/other', size: 12, root }, signer), signer), null)
  })

  it('is not read from a note that says something else', () => {
    for (const body of [
      'x\n',
      `${signer.name}\n-1\nAAAA\n`,
      `${signer.name}\n012\n${root.toString('base64')}\n`,
      `${signer.name}\n1\nAAAA\n`,
    ])
      assert.equal(openCheckpoint(signNote(body, signer), signer), null, body)
  })

  it('is found again in a file of many, which holds nothing else', () => {
    const notes = [1, 2, 3].map(size => signCheckpoint({ origin: signer.name, size, root }, signer))
    assert.deepEqual(splitCheckpoints(notes.join('')), { notes, rest: '' })
    assert.deepEqual(splitCheckpoints(''), { notes: [], rest: '' })
    assert.deepEqual(splitCheckpoints(`${notes.join('')}x`), { notes, rest: 'x' })
    assert.notEqual(splitCheckpoints(notes.join('\n')).rest, '')
  })
})

function verifier(key: string): NonNullable<ReturnType<typeof readVerifier>> {
  const read = readVerifier(key)
  assert.ok(read !== null)
  return read
}
