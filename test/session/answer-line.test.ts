import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { readAnswerLine } from '../../gateway/session/answer-line.ts'
import { canonicalRequest, codeOf, digestOf, readCode } from '../../gateway/session/approval-code.ts'
import { dba, orders, requestOf } from './samples.ts'
import { cpuMsOf } from '../cpu-time.ts'

const CODE = '7F3K-9QX2'

describe('the first line of a comment', () => {
  for (const [line, answer] of [
    [`/sallyport approve ${CODE}`, { kind: 'approve', codes: [CODE] }],
    [`/sallyport   approve  ${CODE}   `, { kind: 'approve', codes: [CODE] }],
    [`/sallyport approve ${CODE} 0000-1111`, { kind: 'approve', codes: [CODE, '0000-1111'] }],
    ['/sallyport approve 7f3k-9qx2', { kind: 'approve', codes: [CODE] }],
    ['/sallyport approve oO0O-iIlL', { kind: 'approve', codes: ['0000-1111'] }],
    [`/sallyport approve ${CODE}\n> On Monday somebody wrote`, { kind: 'approve', codes: [CODE] }],
    [`/sallyport approve ${CODE}\r\nthanks`, { kind: 'approve', codes: [CODE] }],
    [`/sallyport deny ${CODE}`, { kind: 'deny', code: CODE, reason: '' }],
    [`/sallyport deny ${CODE}  wait for the backup: später `, { kind: 'deny', code: CODE, reason: 'wait for the backup: später' }],
    ['/sallyport status', { kind: 'status' }],
    ['/sallyport help  ', { kind: 'help' }],
  ] as const) {
    it(`is read: ${JSON.stringify(line)}`, () => assert.deepEqual(readAnswerLine(line), answer))
  }

  for (const [line, reason] of [
    [`/sallyport approve ${CODE}.`, 'not_exact'],
    [`/sallyport approve`, 'not_exact'],
    [`/sallyport approve ${CODE}, 0000-1111`, 'not_exact'],
    [`/sallyport\tapprove ${CODE}`, 'not_ascii'],
    [`/sallyport approve\u00a0${CODE}`, 'not_ascii'],
    [`/Sallyport approve ${CODE}`, 'not_exact'],
    [` /sallyport approve ${CODE}`, 'not_exact'],
    [`    /sallyport approve ${CODE}`, 'in_code'],
    [`\t/sallyport approve ${CODE}`, 'in_code'],
    [`\`/sallyport approve ${CODE}\``, 'in_code'],
    [`\`\`\`\n/sallyport approve ${CODE}\n\`\`\``, 'in_code'],
    [`> /sallyport approve ${CODE}`, 'quoted'],
    [`thanks\n/sallyport approve ${CODE}`, 'not_first_line'],
    [`/sallyport appr\u200bove ${CODE}`, 'not_ascii'],
    [`\ufeff/sallyport approve ${CODE}`, 'not_ascii'],
    [`/sallyport \u0430pprove ${CODE}`, 'not_ascii'],
    [`/sallyport approve UUUU-0000`, 'not_exact'],
    [`/sallyport approve ${Array.from({ length: 11 }, () => CODE).join(' ')}`, 'not_exact'],
    [`/sallyport deny ${CODE} a\u202eb`, 'not_ascii'],
    [`/sallyport status please`, 'not_exact'],
  ] as const) {
    it(`is no answer, and says why: ${JSON.stringify(line)}`, () => {
      const answer = readAnswerLine(line)
      assert.equal(answer.kind, 'malformed')
      assert.equal(answer.kind === 'malformed' && answer.reason, reason)
    })
  }

  it('is ordinary talk without the word', () => assert.deepEqual(readAnswerLine('LGTM, approve'), { kind: 'unrelated' }))

  it('approves only as the grammar says, whatever the text', () => {
    const piece = fc.constantFrom('/sallyport', 'approve', 'deny', ' ', '  ', CODE, '\n', '\t', '>', '`', '.', '\u200b', 'x', '-', '/')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
        const text = pieces.join('')
        const first = text.split('\n')[0] ?? ''
        const isExact = /^\/sallyport +approve( +[0-9A-TV-Za-tv-z]{4}-[0-9A-TV-Za-tv-z]{4}){1,10} *$/.test(first)
        assert.equal(readAnswerLine(text).kind === 'approve', isExact)
      }),
      { numRuns: 3_000 },
    )
  })

  it('is read in linear time, however long and odd the comment is', () => {
    const spentMs = cpuMsOf(() => {
      for (const text of [
        ' '.repeat(60_000),
        '/sallyport '.repeat(6_000),
        `/sallyport approve ${' '.repeat(60_000)}x`,
        '>'.repeat(60_000),
        '\u200b'.repeat(60_000),
      ])
        readAnswerLine(text)
    })
    assert.ok(spentMs < 1_000, `${spentMs} ms`)
  })
})

describe('code and digest', () => {
  const request = requestOf()

  it('has one form for what people type', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), nonce => {
        const code = codeOf(Buffer.from('request'), Buffer.from(nonce))
        assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/)
        assert.equal(readCode(code.toLowerCase().replaceAll('1', 'l').replaceAll('0', 'o')), code)
      }),
    )
  })

  it('changes with every part of what it is bound to', () => {
    const key = Buffer.alloc(32, 1)
    const others = [
      { ...request, session: 't' },
      { ...request, number: 2 },
      { ...request, rule: 'q' },
      { ...request, bytes: Buffer.from('y') },
      { ...request, connection: { ...orders, name: 'other' } },
      { ...request, connection: { ...orders, database: 'other' } },
      { ...request, connection: { ...orders, user: 'other' } },
      { ...request, approvers: { ...dba, users: [], teams: ['dana'] } },
    ]
    const digests = [request, ...others].map(each => digestOf(canonicalRequest('run', each), key))
    digests.push(digestOf(canonicalRequest('other-run', request), key), digestOf(canonicalRequest('run', request), Buffer.alloc(32, 2)))
    assert.equal(new Set(digests).size, digests.length)
  })
})
