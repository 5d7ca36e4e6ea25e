import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { requestComment } from '../../../gateway/adapter/github-comment/request-comment.ts'
import type { RequestView } from '../../../gateway/core/approval-channel.ts'
import { fence, visible } from '../../../gateway/core/visible-text.ts'
import { dba, requestOf, run, sql, viewOf } from '../../session/samples.ts'

const context = { run, serverUrl: 'https://github.com', key: null }

function viewThat(text: string, more: Partial<RequestView> = {}, values: readonly (string | null)[] = []): RequestView {
  const request = requestOf(sql(text, { values }), {
    rule: 'unfiltered-writes',
    because: 'Touches every row.',
    approvers: { ...dba, teams: ['acme/dba'] },
    bytes: Buffer.from(text),
  })
  const until = new Date(Date.UTC(2026, 0, 1, 14, 32))
  return viewOf(request, { until, head: '9c1e2ab0000000000000000000000000000000000', ...more })
}

/** What the first fence of the body holds, read as CommonMark reads it. */
function fenced(body: string): string | null {
  const lines = body.split('\n')
  const open = lines.findIndex(line => /^`{3,}sql$/.test(line))
  const marks = /^`+/.exec(lines[open] ?? '')?.[0].length ?? 0
  const close = lines.findIndex((line, at) => at > open && new RegExp(`^ {0,3}\`{${marks},}\\s*$`).test(line))
  return open === -1 || close === -1 ? null : lines.slice(open + 1, close).join('\n')
}

describe('request comment', () => {
  it('says what, why, who, until when and how', () => {
    const body = requestComment(viewThat('DELETE FROM carts'), { ...context, key: 'sallyport+0a1b2c3d+key' })
    for (const part of [
      '<!-- sallyport:request v1 run=7712 job=migrate code=7F3K-9QX2 -->',
      '### Approval needed: `DELETE` on **orders-db**',
      'rule `unfiltered-writes`: Touches every row.',
      '@acme/dba, @dana',
      '2026-01-01 14:32 UTC',
      '/sallyport approve 7F3K-9QX2',
      '/sallyport deny 7F3K-9QX2 reason',
      'hmac-sha256:00',
      '`sallyport+0a1b2c3d+key`',
      'commit `9c1e2ab`',
    ]) {
      assert.ok(body.includes(part), part)
    }
  })

  it('keeps every hostile text in its fence, and shows it whole', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '`',
        '```',
        '````sql',
        '~~~',
        '</details>',
        '<!--',
        '-->',
        '| a |',
        '@dana',
        '\n',
        '\r\n',
        '\u0000',
        '\u202e',
        '\u200b',
        '${{ x }}',
        '::error::x',
        '### Approved by @dana',
        '\ud800',
        '    ',
      ),
      fc.string({ maxLength: 8 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 15 }), pieces => {
        const text = pieces.join('')
        const inside = fenced(requestComment(viewThat(text), context))
        assert.equal(inside, visible(text))
      }),
      { numRuns: 1_500 },
    )
  })

  it('gives hostile names and reasons nothing to work with outside a fence', () => {
    const hostile = '| x |\n### Approved <img src=x> [a](javascript:b) @everyone `c` \u202e'
    const view = viewThat('DELETE FROM t', {
      verdict: {
        outcome: 'rejected',
        by: { id: 1, login: 'dana', evidence: 'javascript:alert(1)', at: new Date(0) },
        at: new Date(0),
        reason: hostile,
      },
      refusals: [hostile],
    })
    const request = { ...view.request, because: hostile, notes: [hostile], rule: hostile }
    const body = requestComment({ ...view, request }, context)
    assert.doesNotMatch(body, /<img|\]\(javascript:|\u202e/)
    assert.equal(body.split('\n').filter(line => line.startsWith('### ')).length, 1)
    for (const row of body.split('\n').filter(line => line.startsWith('| **'))) assert.equal(row.split('|').length, 4, row)
  })

  it('shows bound values, each on its line', () => {
    const body = requestComment(viewThat('DELETE FROM t WHERE a = $1', {}, ['x\n$2 = y', null]), context)
    assert.ok(body.includes('$1 = x⟦U+000A⟧$2 = y\n$2 = NULL'))
  })

  for (const [verdict, heading] of [
    [
      { outcome: 'approved', by: [{ id: 1, login: 'dana', evidence: 'https://github.com/c', at: new Date(0) }], at: new Date(0) },
      '### Approved by @dana:',
    ],
    [
      {
        outcome: 'rejected',
        by: { id: 1, login: 'dana', evidence: 'https://github.com/c', at: new Date(0) },
        at: new Date(0),
        reason: 'no',
      },
      '### Denied by @dana:',
    ],
    [{ outcome: 'expired', at: new Date(0), reason: 'x' }, '### Expired:'],
    [{ outcome: 'superseded', at: new Date(0), reason: 'x' }, '### Superseded:'],
  ] as const) {
    it(`ends ${verdict.outcome} with the heading first and the request kept`, () => {
      const body = requestComment(viewThat('DELETE FROM carts', { verdict }), context)
      assert.ok(body.split('\n')[1]?.startsWith(heading))
      assert.equal(fenced(body), 'DELETE FROM carts')
      assert.doesNotMatch(body, /To approve/)
    })
  }

  it('says that an approved command failed', () => {
    const verdict = {
      outcome: 'approved',
      by: [{ id: 1, login: 'dana', evidence: 'https://github.com/c', at: new Date(0) }],
      at: new Date(0),
    } as const
    assert.match(
      requestComment(viewThat('DELETE FROM carts', { verdict, outcome: 'failed with 40P01; a retry needs a new approval' }), context),
      /^### Approved by @dana, failed:/m,
    )
  })
})

describe('visible text', () => {
  it('leaves plain text, line feeds and tabs alone', () => {
    const plain = 'SELECT 1;\n\t-- Grüße, 数据, naïve'
    assert.equal(visible(plain), plain)
  })

  it('names what cannot be seen', () => {
    assert.equal(
      visible('a\u202eb\u200bc\u00a0d\re\u{e0041}f\ufe0f\ud800'),
      'a⟦U+202E⟧b⟦U+200B⟧c⟦U+00A0⟧d⟦U+000D⟧e⟦U+E0041⟧f⟦U+FE0F⟧⟦U+D800⟧',
    )
  })

  it('makes a fence longer than any run of back-ticks', () => {
    assert.equal(fence('a ```` b', 'sql'), '`````sql\na ```` b\n`````')
  })
})
