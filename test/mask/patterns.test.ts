// What patterns find and, as important, what they leave alone.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { array, assert as check, constantFrom, integer, json, property } from 'fast-check'
import { maskerFor } from '../../gateway/mask/masker-for.ts'
import { patternNames } from '../../gateway/mask/built-in-patterns.ts'
import type { MaskKind, MaskPattern } from '../../gateway/core/mask-rule.ts'
import { maskRule, someConnection, someIdentity } from './samples.ts'
import { cpuMsOf } from '../cpu-time.ts'

const redact: MaskKind = { kind: 'redact' }

function covered(names: readonly string[], text: string, kind: MaskKind = redact): string {
  const patterns = names.map((name): MaskPattern => ({ kind: 'builtin', name }))
  const { text: mask } = maskerFor([maskRule({ patterns, with: kind })], Buffer.alloc(32))(someIdentity, someConnection)
  const bytes = Buffer.from(text)
  const result = mask!.apply(text).text
  // The cheap test must never deny what the real one finds.
  if (result !== text) assert.ok(mask!.mayFind(bytes, 0, bytes.length), `pre-filter misses ${text}`)
  return result
}

const finds: Readonly<Record<string, readonly string[]>> = {
  'credit-card': [
    '4111111111111111',
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    '5500005555555559',
    '2223000048400011',
    '378282246310005',
    '3782 822463 10005',
    '30569309025904',
    '6011000990139424',
    '3530111333300000',
    '6200000000000005',
    '6759649826438453',
  ],
  'us-ssn': ['078-05-1120', '987-65-4321', '078 05 1120'],
  email: ['a@b.example', 'first.last+tag@sub.example.co.uk', 'jörg@bücher.example', 'x_1%y@host-1.example'],
  iban: [
    'DE89370400440532013000',
    'DE89 3704 0044 0532 0130 00',
    'GB82 WEST 1234 5698 7654 32',
    'NO9386011117947',
    'MT84MALT011000012345MTLCAST001S',
    'fr1420041010050500013m02606',
  ],
  phone: ['+49 30 1234567', '+1-212-555-0199', '0049 30 1234567', '(212) 555-0199', '212-555-0199', '212.555.0199'],
  jwt: ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'],
  'aws-key': ['AKIAIOSFODNN7EXAMPLE', 'ASIAIOSFODNN7EXAMPLE'],
  'github-token': [`ghp_${'a1'.repeat(18)}`, `ghs_${'Z9'.repeat(18)}`, `github_pat_${'aB3_'.repeat(10)}`],
  'private-key': [
    '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----',
  ],
  'password-hash': [
    `$2b$12$${'a'.repeat(53)}`,
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG',
    '$6$rounds=5000$salt$abcdefghijklmnop',
    '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7',
    'SCRAM-SHA-256$4096:c2FsdHNhbHQ=$c3RvcmVka2V5c3RvcmVk:c2VydmVya2V5c2VydmVy',
    'md5d41d8cd98f00b204e9800998ecf8427e',
    'pbkdf2_sha256$600000$salt$aGFzaGhhc2hoYXNoaGFzaA==',
    '{SSHA}MTIzNDU2Nzg5MGFiY2RlZg==',
  ],
}

const leaves: Readonly<Record<string, readonly string[]>> = {
  'credit-card': ['4111111111111112', '1234567890123456', '2024-01-02 10:00:00.123456', '192.168.100.200', '00000000000000000000'],
  'us-ssn': ['000-12-3456', '123-00-1234', '1234-56-7890', '12-345-6789', '123456789'],
  email: ['a@b', '@example.org', 'user at example.org', 'x@'],
  iban: ['DE89370400440532013001', 'DE89', 'AB12CDEF'],
  phone: ['2024-01-02', '10:00:00', '1234567', 'version 1.2.3.4', '550e8400-e29b-41d4-a716-446655440000'],
  jwt: ['eyJhb', 'eyes.on.you'],
  'aws-key': ['AKIA', 'AKIAIOSFODNN7EXAMPLEX', 'akiaiosfodnn7example'],
  'github-token': ['ghp_short', 'github_pat_', 'ghx_abcdefghijklmnopqrstuvwxyz0123456789'],
  'private-key': ['-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----', '-----'],
  'password-hash': ['$2b$12$short', 'costs $6$ or $5$', 'md5 of it', '{SSHA}'],
}

describe('built-in patterns', () => {
  for (const name of patternNames) {
    it(`${name}: covers what it is for, wherever it stands in a text`, () => {
      for (const text of finds[name] ?? assert.fail(name)) {
        assert.equal(covered([name], text), '[redacted]', text)
        assert.equal(
          covered([name], `see: ${text}\nok`),
          name === 'private-key' && !text.includes('END') ? 'see: [redacted]' : 'see: [redacted]\nok',
          text,
        )
      }
    })

    it(`${name}: leaves lookalikes alone`, () => {
      for (const text of leaves[name] ?? assert.fail(name)) assert.equal(covered([name], text), text)
    })
  }

  it('finds a card that is followed by other digits', () => {
    assert.equal(covered(['credit-card'], '4111 1111 1111 1111 2026 12'), '[redacted] 2026 12')
  })

  it('covers a private key whose end is missing up to the end of the text', () => {
    assert.equal(covered(['private-key'], 'x -----BEGIN EC PRIVATE KEY-----\nMHc'), 'x [redacted]')
  })

  it('shows nothing of findings that overlap', () => {
    const patterns: MaskPattern[] = [{ kind: 'builtin', name: 'credit-card' }]
    const other: MaskPattern[] = [{ kind: 'expression', source: 'no 4111 1111' }]
    const rules = [
      maskRule({ name: 'a', patterns, with: { kind: 'keep-last', count: 4 } }),
      maskRule({ name: 'b', patterns: other, with: redact }),
    ]
    const mask = maskerFor(rules, Buffer.alloc(32))(someIdentity, someConnection).text
    const { text, found } = mask!.apply('no 4111 1111 1111 1111!')
    assert.equal(text, '[redacted]!')
    assert.deepEqual(
      [...found],
      [
        ['b', 1],
        ['a', 1],
      ],
    )
  })

  it('answers in time that grows with the text only', () => {
    const hostile = [
      '1 '.repeat(40_000),
      'a@'.repeat(40_000),
      '$6$'.repeat(30_000),
      'eyJ'.repeat(30_000),
      'AB12 '.repeat(20_000),
      '-----BEGIN PRIVATE KEY-----'.repeat(4_000),
      '+1'.repeat(40_000),
      '"'.repeat(80_000),
    ]
    for (const text of hostile) {
      assert.ok(cpuMsOf(() => covered(patternNames, text)) < 4_000, text.slice(0, 20))
    }
  })

  it('never misses a valid card number, however it is grouped', () => {
    const digits = array(integer({ min: 0, max: 9 }), { minLength: 14, maxLength: 14 })
    check(
      property(digits, constantFrom('', ' ', '-'), (middle, separator) => {
        const number = `4${middle.join('')}`
        const card = number + checkDigit(number)
        const grouped = card.match(/.{4}/g)!.join(separator)
        assert.equal(covered(['credit-card'], `card ${grouped}.`), 'card [redacted].')
      }),
    )
  })
})

const own = (source: string): string => {
  const mask = maskerFor([maskRule({ patterns: [{ kind: 'expression', source }], with: redact })], Buffer.alloc(32))(
    someIdentity,
    someConnection,
  ).text
  return mask!.apply('ticket ACME-4711 of ACME-12').text
}

describe('own expressions', () => {
  it('are searched everywhere in the text', () => assert.equal(own('ACME-[0-9]+'), 'ticket [redacted] of [redacted]'))
  it('are refused when they match the empty text, with the policy to blame', () =>
    assert.throws(() => own('x*'), { code: 'POLICY_INVALID' }))
  it('are refused when RE2 does not take them', () => assert.throws(() => own('(?=x)'), { code: 'POLICY_INVALID' }))

  it('cannot be made slow', () => {
    const mask = maskerFor([maskRule({ patterns: [{ kind: 'expression', source: '(a+)+$' }], with: redact })], Buffer.alloc(32))(
      someIdentity,
      someConnection,
    ).text
    assert.ok(cpuMsOf(() => mask!.apply(`${'a'.repeat(3_000)}b`)) < 4_000)
  })
})

describe('json', () => {
  const mask = maskerFor(
    [
      maskRule({
        patterns: [
          { kind: 'builtin', name: 'credit-card' },
          { kind: 'builtin', name: 'email' },
        ],
        with: redact,
      }),
    ],
    Buffer.alloc(32),
  )(someIdentity, someConnection).text!

  it('stays json, with findings at any depth covered, keys and numbers too', () => {
    const text = '{"a@b.example":[{"n":4111111111111111,"s":"x a@b.example y"}],"keep":1.50,"t":true}'
    const { text: result, found } = mask.applyJson(text)
    assert.deepEqual(JSON.parse(result), { '[redacted]': [{ n: '[redacted]', s: 'x [redacted] y' }], keep: 1.5, t: true })
    assert.ok(result.includes('1.50'), 'what is not found keeps its bytes')
    assert.equal(found.get('pii'), 3)
  })

  it('is read without its escapes', () => {
    const text = String.raw`{"e":"a\u0040b.example"}`
    const bytes = Buffer.from(text)
    assert.ok(mask.mayFind(bytes, 0, bytes.length))
    assert.equal(mask.applyJson(text).text, '{"e":"[redacted]"}')
  })

  it('stays json whatever it holds', () => {
    check(
      property(json(), text => {
        assert.doesNotThrow(() => JSON.parse(mask.applyJson(text).text))
      }),
    )
  })
})

describe('arrays and composite values as text', () => {
  const mask = maskerFor([maskRule({ patterns: [{ kind: 'builtin', name: 'email' }], with: redact })], Buffer.alloc(32))(
    someIdentity,
    someConnection,
  ).text!

  it('keep their braces, commas and quotes', () => {
    assert.equal(mask.applyNested('{a@b.example,"x, y",NULL,{c@d.example}}').text, '{"[redacted]","x, y",NULL,{"[redacted]"}}')
    assert.equal(mask.applyNested('(1,"say ""a@b.example""",)').text, String.raw`(1,"say \"[redacted]\"",)`)
  })
})

function checkDigit(number: string): number {
  const sum = Array.from(number)
    .toReversed()
    .reduce(
      (total, digit, index) => total + (index % 2 === 1 ? Number(digit) : Number(digit) > 4 ? Number(digit) * 2 - 9 : Number(digit) * 2),
      0,
    )
  return (10 - (sum % 10)) % 10
}
