import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { array, assert as assertProperty, integer, property } from 'fast-check'
import { addressTo, AgeWriter, decryptAge, encryptAge } from '../../../gateway/record/age/age-file.ts'
import { readIdentities, readRecipient } from '../../../gateway/record/age/age-keys.ts'
import type { AgeIdentity, AgeKey } from '../../../gateway/record/age/age-keys.ts'

const SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_001]

let dir: string
let secrets: string[]
let recipients: AgeKey[]
let identities: AgeIdentity[]
before(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-age-'))
  secrets = [await generateX25519Identity(), await generateX25519Identity()]
  recipients = await Promise.all(secrets.map(async secret => readRecipient(await identityToRecipient(secret))))
  identities = secrets.map(secret => readIdentities(`# auditor\n\n${secret}\n`, 'key.txt')[0] as AgeIdentity)
})
after(() => rmSync(dir, { recursive: true, force: true }))

describe('an age file', () => {
  it('is read by the age library for each of its recipients, at every size around a chunk', async () => {
    for (const bytes of SIZES) {
      const plain = randomBytes(bytes)
      const file = encryptAge(plain, recipients)
      for (const secret of secrets) {
        const decrypter = new Decrypter()
        decrypter.addIdentity(secret)
        assert.ok(plain.equals(await decrypter.decrypt(file)), `${bytes} bytes`)
      }
    }
  })

  it('may be written by the age library', async () => {
    for (const bytes of SIZES) {
      const plain = randomBytes(bytes)
      const encrypter = new Encrypter()
      encrypter.addRecipient(await identityToRecipient(secrets[0] ?? ''))
      assert.deepEqual(decryptAge(Buffer.from(await encrypter.encrypt(plain)), identities), plain)
    }
  })

  it('is read by the age command, and reads what that wrote', () => {
    const key = path.join(dir, 'key.txt')
    writeFileSync(key, `${secrets[1] ?? ''}\n`)
    const recipient = execFileSync('age-keygen', ['-y', key], { encoding: 'utf8' }).trim()
    for (const bytes of SIZES) {
      const plain = randomBytes(bytes)
      const opened = execFileSync('age', ['-d', '-i', key], { input: encryptAge(plain, recipients), maxBuffer: 1e8 })
      assert.ok(plain.equals(opened))
      const theirs = execFileSync('age', ['-r', recipient], { input: plain, maxBuffer: 1e8 })
      assert.deepEqual(decryptAge(theirs, identities), plain)
    }
  })

  it('is the same content however it was cut while it was written', () => {
    assertProperty(
      property(array(integer({ min: 0, max: 90_000 }), { maxLength: 6 }), sizes => {
        const parts = sizes.map(size => randomBytes(size))
        const writer = new AgeWriter(addressTo(recipients))
        const file = Buffer.concat([...parts.map(part => writer.push(part)), writer.end()])
        assert.deepEqual(decryptAge(file, identities), Buffer.concat(parts))
      }),
      { numRuns: 40 },
    )
  })

  it('is refused when any byte of it was changed, when its end was cut off, and when something was added', () => {
    const file = encryptAge(Buffer.from('SELECT 1'), recipients)
    for (let at = 0; at < file.length; at += 1) {
      const changed = Buffer.from(file)
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      const opened = decryptAge(changed, identities)
      // Of two recipients, the second can still open what was changed for the first only if the MAC let it.
      assert.equal(opened, null, `byte ${at}`)
      assert.equal(decryptAge(file.subarray(0, at), identities), null, `${at} bytes`)
    }
    assert.equal(decryptAge(Buffer.concat([file, Buffer.of(0)]), identities), null)
    const chunks = encryptAge(randomBytes(65_536 * 2), recipients)
    assert.equal(decryptAge(chunks.subarray(0, -(65_536 + 16)), identities), null)
  })

  it('is nothing to anybody else', async () => {
    const stranger = readIdentities(await generateX25519Identity(), 'key.txt')
    assert.equal(decryptAge(encryptAge(Buffer.from('x'), recipients), stranger), null)
  })
})

describe('an auditor’s key', () => {
  it('is refused when it is none, or one that everybody could read with', () => {
    const good = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj'
    assert.equal(readRecipient(good).raw.length, 32)
    // Public keys of low order: 0 and 1.
    const zero = 'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z'
    const one = 'age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya'
    for (const text of [
      'age1…',
      'age1',
      '',
      zero,
      one,
      good.toUpperCase(),
      `${good.slice(0, -1)}q`,
      `${good}q`,
      good.slice(0, -1),
      `AGE${good.slice(3)}`,
    ])
      assert.throws(() => readRecipient(text), { code: 'POLICY_INVALID' }, text)
    for (let at = 4; at < good.length; at += 1) {
      const other = good[at] === 'q' ? 'p' : 'q'
      assert.throws(() => readRecipient(good.slice(0, at) + other + good.slice(at + 1)), { code: 'POLICY_INVALID' })
    }
  })

  it('is read from a key file, and no part of a file that is none is told', () => {
    for (const text of ['', '# only words\n', 'hunter2\n', `${secrets[0] ?? ''}\nhunter2\n`, (secrets[0] ?? '').toLowerCase()])
      assert.throws(
        () => readIdentities(text, 'key.txt'),
        (error: Error) => 'code' in error && error.code === 'UNREADABLE' && !JSON.stringify(error).includes('hunter2'),
      )
    assert.equal(readIdentities(`# created\r\n${secrets.join('\r\n')}\r\n`, 'key.txt').length, 2)
  })
})
