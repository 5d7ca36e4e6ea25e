// Random damage to good tokens: no changed byte and no bad claim ever gets one accepted.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { TokenVerifier } from '../../../gateway/core/token.ts'
import { startIssuer } from '../../../world/issuer/issuer.ts'
import type { Issuer } from '../../../world/issuer/issuer.ts'
import { audience, judge, signal, trusting, verifierOf } from './token-bench.ts'

/** Signing is quick with this key, so that thousands of tokens can be made. */
const key = 'ec1'

describe('random mutations of a good token', () => {
  let issuer: Issuer
  let verifier: TokenVerifier
  before(async () => {
    issuer = await startIssuer({ claims: { aud: audience } })
    issuer.keys.published = [key]
    verifier = verifierOf([trusting(issuer, { algorithms: ['ES256'] })])
    assert.equal(await judge(verifier.check(issuer.mint({}, { key }), signal)), 'accept')
  })
  after(() => issuer.stop())

  it('accepts none of 9,000 with other bytes', async () => {
    const good = issuer.mint({}, { key })
    const edit = fc.oneof(
      fc.record({ kind: fc.constant('replace'), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
      fc.record({ kind: fc.constant('insert'), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
      fc.record({ kind: fc.constant('delete'), at: fc.nat(), byte: fc.constant(0) }),
      fc.record({ kind: fc.constant('swap'), at: fc.nat(), byte: fc.constant(0) }),
      fc.record({ kind: fc.constant('cut'), at: fc.nat(), byte: fc.constant(0) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async edits => {
        const mutated = edits.reduce(
          (text, { kind, at, byte }) => applyEdit(text, kind, at % (text.length + 1), String.fromCharCode(byte)),
          good,
        )
        if (mutated !== good) assert.notEqual(await judge(verifier.check(mutated, signal)), 'accept')
      }),
      { numRuns: 9_000 },
    )
  })

  it('accepts none of 3,000 with a bad claim, however well it is signed', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 24 })
    const notText = fc.oneof(
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(text, { maxLength: 2 }),
      fc.dictionary(text, text, { maxKeys: 2 }),
    )
    const notTime = fc.oneof(
      text,
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.integer()),
      fc.double({ noInteger: true, noNaN: true, noDefaultInfinity: true }),
    )
    const nowSec = Math.floor(Date.now() / 1_000)
    const control = fc.constantFrom('\u0000', '\u001b', '\n', '\u007f', '\u0085', '\u2028', '\u202e', '\u2066')
    const bad = fc.oneof(
      claim(
        'aud',
        fc.oneof(
          text.filter(aud => aud !== audience),
          notText,
          fc.array(fc.constant(audience), { minLength: 2, maxLength: 4 }),
        ),
      ),
      claim(
        'iss',
        fc.oneof(
          text.filter(iss => iss !== issuer.url),
          notText,
        ),
      ),
      claim('sub', fc.oneof(notText, fc.constantFrom('', ' ', undefined))),
      claim('jti', fc.oneof(notText, fc.constantFrom('', ' ', undefined))),
      claim(
        'exp',
        fc.oneof(notTime, fc.integer({ min: -1_000_000, max: nowSec - 10 }), fc.integer({ min: nowSec + 4_000 }), fc.constant(undefined)),
      ),
      claim('iat', fc.oneof(notTime, fc.integer({ min: nowSec + 60 }), fc.integer({ max: nowSec - 4_000 }), fc.constant(undefined))),
      claim('nbf', fc.oneof(notTime, fc.integer({ min: nowSec + 60 }))),
      fc.constantFrom('repository_id', 'actor_id', 'ref', 'environment', 'job_workflow_ref', 'x_id').chain(name => claim(name, notText)),
      fc
        .tuple(fc.constantFrom('ref', 'workflow', 'anything'), text, control, text)
        .map(([name, head, sign, tail]) => ({ [name]: head + sign + tail })),
    )
    await fc.assert(
      fc.asyncProperty(bad, async claims => {
        assert.notEqual(await judge(verifier.check(issuer.mint({ jti: randomUUID(), ...claims }, { key }), signal)), 'accept')
      }),
      { numRuns: 3_000 },
    )
  })

  it('accepts every one of 500 whose claims are merely unusual', async () => {
    const printable = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(
        fc.record({ workflow: printable, environment: printable, team: fc.array(printable, { maxLength: 5 }), level: fc.integer() }),
        async claims => {
          assert.equal(await judge(verifier.check(issuer.mint(claims, { key }), signal)), 'accept')
        },
      ),
      { numRuns: 500 },
    )
  })
})

function claim(name: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> {
  return value.map(found => ({ [name]: found }))
}

function applyEdit(text: string, kind: string, at: number, sign: string): string {
  switch (kind) {
    case 'replace':
      return text.slice(0, at) + sign + text.slice(at + 1)
    case 'insert':
      return text.slice(0, at) + sign + text.slice(at)
    case 'delete':
      return text.slice(0, at) + text.slice(at + 1)
    case 'swap':
      return text.slice(0, at) + (text[at + 1] ?? '') + (text[at] ?? '') + text.slice(at + 2)
    default:
      return text.slice(0, at)
  }
}
