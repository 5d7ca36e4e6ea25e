// SCRAM-SHA-256: the published exchange, both sides against each other, and everything that must not be believed.
import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { describe, it } from 'node:test'
import {
  preparePassword,
  ScramClient,
  scramSha256,
  scramSha256Plus,
  ScramServer,
  verifierOf,
} from '../../../gateway/wire/postgres/scram.ts'
import type { ChannelBinding } from '../../../gateway/wire/postgres/scram.ts'
import { WireError } from '../../../gateway/wire/postgres/wire-error.ts'

const password = Buffer.from('pencil')
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const verifier = verifierOf(pbkdf2Sync(password, salt, 4096, 32, 'sha256'), salt, 4096)
const endPoint = Buffer.from('0123456789abcdef0123456789abcdef')

/** Lets both sides speak; the server's outcome, null when it refused the proof. */
function exchange(binding: ChannelBinding, serverEndPoint: Buffer | null, mechanism: string, secret = password): string | null {
  const client = new ScramClient(binding, 'clientnonce')
  const server = new ScramServer(verifier, 'servernonce', serverEndPoint)
  const outcome = server.finish(client.final(server.challenge(client.first(), mechanism), secret))
  if (outcome !== null) client.verify(outcome)
  return outcome
}

const server = (): ScramServer => new ScramServer(verifier, 'servernonce', null)

describe('SCRAM-SHA-256', () => {
  // RFC 7677, section 3.
  it('gives the published client messages', () => {
    const client = new ScramClient('n', 'rOprNGfwEbeRWgbNEkqO', 'user')
    assert.equal(client.first(), 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    const challenge = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
    assert.equal(
      client.final(challenge, password),
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    )
    client.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  })

  it('gives the published server messages', () => {
    const server = new ScramServer(verifier, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0', null)
    assert.equal(
      server.challenge('n,,n=user,r=rOprNGfwEbeRWgbNEkqO', scramSha256),
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    )
    assert.equal(
      server.finish('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='),
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    )
  })

  it('proves both sides to each other, with and without channel binding', () => {
    assert.notEqual(exchange('n', null, scramSha256), null)
    assert.notEqual(exchange('y', null, scramSha256), null)
    assert.notEqual(exchange(endPoint, endPoint, scramSha256Plus), null)
  })

  it('refuses a wrong password', () => {
    assert.equal(exchange('n', null, scramSha256, Buffer.from('pencils')), null)
  })

  it('refuses a login bound to another certificate', () => {
    assert.throws(() => exchange(Buffer.alloc(32, 1), endPoint, scramSha256Plus), WireError)
  })

  it('sees that somebody took the offer of channel binding away', () => {
    assert.throws(() => exchange('y', endPoint, scramSha256), WireError)
    assert.throws(() => exchange('n', endPoint, scramSha256Plus), WireError)
    assert.throws(() => exchange(endPoint, null, scramSha256Plus), WireError)
  })

  it('does not believe a server that cannot prove itself', () => {
    const client = new ScramClient('n', 'abc')
    client.final('r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096', password)
    for (const outcome of ['v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=', 'v=', 'e=other-error', '', 'v=###']) {
      assert.throws(() => client.verify(outcome), WireError)
    }
  })

  it('does not work for a server that asks for the impossible', () => {
    const good = 'r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
    for (const challenge of [
      '',
      good.replace('abcdef', 'abc'),
      good.replace('abcdef', 'xyzabc'),
      good.replace('i=4096', 'i=0'),
      good.replace('i=4096', 'i=9999999'),
      good.replace('i=4096', 'i=1e9'),
      good.replace('s=W22ZaJ0SNY7soEsUEjb6gQ==', 's='),
      good.replace('s=', 's=!'),
      `m=x,${good}`,
    ]) {
      assert.throws(() => new ScramClient('n', 'abc').final(challenge, password), WireError, challenge)
    }
  })

  it('takes nothing from a client but the two messages of its login', () => {
    for (const first of ['', 'n,,', 'n,,n=,r=', 'x,,n=,r=a', 'p=tls-unique,,n=,r=a', 'n,,r=a', 'n,,n=,r=a b']) {
      assert.throws(() => server().challenge(first, scramSha256), WireError, first)
    }
    assert.throws(() => server().finish('c=biws,r=a,p='), WireError)
    const begun = server()
    begun.challenge('n,,n=,r=abc', scramSha256)
    for (const final of [
      '',
      'c=biws,r=abc,p=AA==',
      'c=eSws,r=abcservernonce,p=AA==',
      'c=biws,r=abcservernonce,p=AA==',
      'c=biws,r=abcservernonce',
    ]) {
      assert.throws(() => begun.finish(final), WireError, final)
    }
  })

  it('prepares passwords as PostgreSQL does', () => {
    // RFC 4013, section 3.
    assert.equal(preparePassword(Buffer.from('I\u00ADX')).toString(), 'IX')
    assert.equal(preparePassword(Buffer.from('\u00AA')).toString(), 'a')
    assert.equal(preparePassword(Buffer.from('\u2168')).toString(), 'IX')
    assert.equal(preparePassword(Buffer.from('a\u00A0b')).toString(), 'a b')
    assert.deepEqual(preparePassword(Buffer.from('a\u0007é')), Buffer.from('a\u0007é'))
    assert.deepEqual(preparePassword(Buffer.from([0xff, 0x41])), Buffer.from([0xff, 0x41]))
  })
})
