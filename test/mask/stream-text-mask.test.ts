// Text in pieces is covered as the whole text would be, wherever it is cut.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { array, assert as check, integer, property } from 'fast-check'
import { maskerFor } from '../../gateway/mask/masker-for.ts'
import { streamTextMask } from '../../gateway/mask/stream-text-mask.ts'
import { maskRule, someConnection, someIdentity } from './samples.ts'

const patterns = ['credit-card', 'email', 'private-key'].map(name => ({ kind: 'builtin' as const, name }))
const mask = maskerFor([maskRule({ patterns })], Buffer.alloc(32))(someIdentity, someConnection).text ?? assert.fail()

const text = `$ cat secrets
card 4111 1111 1111 1111 of ada@host.example
-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEA
-----END RSA PRIVATE KEY-----
done, mail bob@host.example`

describe('patterns over a stream', () => {
  it('cover what they would cover in the whole text, wherever it is cut', () => {
    const whole = mask.apply(text).text
    check(
      property(array(integer({ min: 0, max: text.length }), { maxLength: 40 }), cuts => {
        const places = [0, ...cuts.toSorted((one, other) => one - other), text.length]
        const stream = streamTextMask(mask)
        const pieces = places.slice(1).map((end, index) => stream.push(text.slice(places[index], end)))
        assert.equal(pieces.join('') + stream.flush(), whole)
        assert.equal(stream.found.get('pii'), 4)
      }),
    )
  })

  it('let whole lines out at once and hold back the last one', () => {
    const stream = streamTextMask(mask)
    assert.equal(stream.push('one\ntwo 4111 1111 '), 'one\n')
    assert.equal(stream.push('1111 1111\n'), 'two [redacted]\n')
  })

  it('show nothing of a key that was begun before a pause', () => {
    const stream = streamTextMask(mask)
    assert.equal(stream.push('-----BEGIN PRIVATE KEY-----\nSECRET') + stream.flush(), '[redacted]')
    assert.equal(stream.push('SECRET\nSECRET\n'), '')
    assert.equal(stream.push('-----END PRIVATE') + stream.push(' KEY-----\nok\n'), '\nok\n')
  })

  it('do not hold an endless line for ever', () => {
    const stream = streamTextMask(mask)
    let shown = ''
    for (let piece = 0; piece < 40; piece++) shown += stream.push('word '.repeat(1_000))
    assert.ok(shown.length > 100_000)
    assert.equal(shown + stream.flush(), 'word '.repeat(40_000))
  })
})
