import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { summarize } from '../../gateway/record/summary.ts'

const key = 'localhost/acme/shop/run/7712.1/4f9c+00000000+AAAA'
const artifactUrl = 'https://github.com/acme/shop/actions/runs/1/artifacts/2'

describe('the step summary', () => {
  it('says how many were allowed, blocked, asked and approved, who approved and when, and where the recording is', async () => {
    const text = await summaryOf([
      { kind: 'command', command: 1, connection: 'orders-db', text: 'SELECT 1' },
      { kind: 'decision', command: 1, outcome: 'allow', rule: 'reads' },
      { kind: 'mask', command: 1, rule: 'pii', values: 1204 },
      { kind: 'command', command: 2, connection: 'orders-db', text: 'DROP TABLE t' },
      { kind: 'decision', command: 2, outcome: 'deny', rule: 'no-ddl', because: 'Ask the DBA.' },
      { kind: 'command', command: 3, connection: 'orders-db', text: 'DELETE FROM carts' },
      { kind: 'decision', command: 3, outcome: 'ask', rule: 'unfiltered' },
      {
        kind: 'answer',
        command: 3,
        code: '7F3K-9QX2',
        outcome: 'approved',
        by: [{ login: 'dana', at: '14:09', evidence: 'https://x/1' }],
        reason: null,
      },
      { kind: 'result', command: 3, tag: 'DELETE 48133' },
      { kind: 'run.close', reason: 'finished' },
    ])
    assert.match(text, /^### Sallyport: 1 approved, 1 blocked, 1 allowed\n/)
    assert.match(text, /\| values masked \| 1204 \|/)
    assert.match(text, /by dana at 14:09 https:\/\/x\/1/)
    assert.match(text, /DELETE 48133/)
    assert.ok(text.includes(`[Recording](${artifactUrl})`))
    assert.ok(text.includes(`sallyport verify recording.zip --key '${key}'`))
    assert.match(text, /1 command was blocked\. It did not reach the target/)
  })

  it('warns of roles that see past the masks, each once, with what closes it', async () => {
    const weak =
      'masks are weaker than the server could make them: the role ci owns public.people: GRANT SELECT (id) ON public.people TO ci'
    const other = 'masks are weaker than the server could make them: the role ci is a superuser: ALTER ROLE ci NOSUPERUSER'
    const found = [
      { kind: 'error', command: null, code: '01000', message: weak },
      { kind: 'error', command: null, code: '01000', message: other },
      { kind: 'error', command: 1, code: '42P01', message: 'a failure is no warning' },
    ]
    const text = await summaryOf(found, artifactUrl, [`orders-db: ${weak}`])
    assert.match(text, /\[!WARNING\]\n> Masks are weaker than they could be/)
    assert.equal(text.split('GRANT SELECT (id) ON public.people TO ci').length, 2)
    assert.ok(text.includes(`orders-db: ${weak}\n${other}\n`))
    assert.ok(!text.includes('a failure is no warning'))
    assert.ok(!(await summaryOf([])).includes('[!WARNING]'))
    const many = Array.from({ length: 5000 }, (_, index) => `orders-db: ${index} ${'`'.repeat(40)}`)
    assert.ok(Buffer.byteLength(await summaryOf([], artifactUrl, many)) < 200_000)
  })

  it('says INCOMPLETE of a run that was not closed, and that nothing was uploaded', async () => {
    const text = await summaryOf([], null)
    assert.match(text, /^### Sallyport: 0 allowed, INCOMPLETE\n/)
    assert.match(text, /The recording was not uploaded/)
  })

  it('never lets a text of the run out of its fence', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(
          fc.constantFrom(
            '```',
            '~~~',
            '\n',
            '\r',
            '</details>',
            '<!--',
            '-->',
            '| a | b |',
            '@acme/dba',
            '`',
            '````````',
            '\u202e',
            '\u200b',
            '\u0000',
            '\ud800',
            '::error::x',
            '${{ }}',
            '# x',
            '\u2028',
            '    ',
          ),
        )
        .map(parts => parts.join('')),
    )
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (one, two) => {
        const text = await summaryOf([
          { kind: 'run.open', identity: { subject: one, [two]: two }, policy: { digest: one, source: two } },
          { kind: 'command', command: 1, connection: one, text: `MARK${two}` },
          { kind: 'decision', command: 1, outcome: 'deny', rule: two, because: one },
          { kind: 'answer', command: 1, code: one, outcome: two, by: [{ login: one, at: two, evidence: one }], reason: two },
          { kind: 'result', command: 1, tag: one },
          { kind: 'error', command: null, code: '01000', message: two },
        ])
        const plain = outsideFences(text)
        assert.ok(!plain.includes('MARK'))
        // What stands outside is the same for any text: our own words.
        assert.equal(plain, outsideFences(await ofPlainText()))
      }),
      { numRuns: 300 },
    )
  })

  it('stays below 200 kB and keeps its fences closed, whatever the run did', async () => {
    const events = Array.from({ length: 400 }, (_, index) => [
      { kind: 'command', command: index, connection: 'orders-db', text: '\u200b\u4e2d`'.repeat(5000) },
      { kind: 'decision', command: index, outcome: 'deny', rule: 'no-ddl', because: '\u4e2d'.repeat(900) },
      {
        kind: 'answer',
        command: index,
        code: 'x',
        outcome: 'refused',
        by: Array.from({ length: 50 }, () => ({ login: '\u4e2d'.repeat(100) })),
        reason: 'x',
      },
    ]).flat()
    const text = await summaryOf([{ kind: 'run.open', identity: { subject: '\u200b'.repeat(50_000) } }, ...events])
    assert.ok(Buffer.byteLength(text) < 200_000, String(Buffer.byteLength(text)))
    assert.match(text, /Blocked: 400/)
    assert.match(text, /more are in the recording\./)
    assert.ok(!outsideFences(text).includes('\u4e2d'))
    assert.equal((text.match(/<details>/g) ?? []).length, (text.match(/<\/details>/g) ?? []).length)
  })

  it('links to nothing but web pages, and lets no address end its link', async () => {
    assert.ok((await summaryOf([], 'javascript:alert(1)')).includes('[Recording](#)'))
    assert.ok((await summaryOf([], 'https://x/a) [b](c')).includes('[Recording](https://x/a%29%20%5Bb%5D%28c)'))
  })
})

function ofPlainText(): Promise<string> {
  return summaryOf([
    { kind: 'run.open', identity: {}, policy: {} },
    { kind: 'command', command: 1, connection: 'c', text: 'x' },
    { kind: 'decision', command: 1, outcome: 'deny', rule: 'r', because: '' },
    { kind: 'answer', command: 1, code: 'c', outcome: 'o', by: [], reason: '' },
    { kind: 'error', command: null, code: '01000', message: 'w' },
  ])
}

function summaryOf(
  events: readonly Record<string, unknown>[],
  url: string | null = artifactUrl,
  warnings: readonly string[] = [],
): Promise<string> {
  const lines = events.map((event, index) =>
    JSON.stringify({ seq: index + 1, at: '2026-01-02T03:04:05.000Z', ms: index, session: 's-1', ...event }),
  )
  const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''))
  return summarize(
    {
      read: async function* () {
        yield await Promise.resolve(bytes)
      },
    },
    { artifactUrl: url, key, warnings },
  )
}

/** CommonMark: a fence ends at a line of at least as many of its marks and nothing else. */
function outsideFences(markdown: string): string {
  const outside: string[] = []
  let marks: string | null = null
  for (const line of markdown.split(/\r\n|\n|\r/)) {
    const found = /^ {0,3}(`{3,})([^`]*)$/.exec(line)
    if (marks === null && found !== null) marks = found[1]!
    else if (marks === null) outside.push(line)
    else if (found !== null && found[1]!.length >= marks.length && found[2]!.trim() === '') marks = null
  }
  assert.equal(marks, null, 'a fence is left open')
  return outside.join('\n')
}
