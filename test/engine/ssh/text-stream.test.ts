import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { TextStream } from '../../../gateway/engine/ssh/text-stream.ts'
import { maskerFor } from '../../../gateway/mask/masker-for.ts'
import { compilePolicy } from '../../../gateway/policy/compile-policy.ts'
import { parsePolicy } from '../../../gateway/policy/parse-policy.ts'
import { identity } from '../../session/samples.ts'

const CARD = '4111 1111 1111 1111'
const policy = parsePolicy(
  `version: 1
issuers: { github: { url: "https://token.actions.githubusercontent.com", audience: sallyport } }
groups: { release: { issuer: github, when: 'true' } }
connections:
  web: { protocol: ssh, address: "web:22", user: deploy, host-keys: ["SHA256:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"], credential: "env://KEY", groups: [release] }
rules: [{ name: everything, then: allow }]
masks:
  - { name: cards, patterns: [credit-card], with: keep-last-4 }
  - { name: mails, patterns: [email], with: redact }
`,
  'sallyport.yml',
)
const connection = compilePolicy(policy, () => '').connections.get('web')
assert.ok(connection !== undefined)
const mask = maskerFor(policy.masks, Buffer.alloc(32))(identity, connection).text
assert.ok(mask !== null)

/** What comes out of chunks, as one text. */
function through(chunks: readonly Buffer[]): Buffer {
  const stream = new TextStream(mask)
  return Buffer.concat([...chunks.map(chunk => stream.push(chunk)), stream.flush()])
}

/** The text cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map(place => place % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [0, ...ends].map((start, index) => bytes.subarray(start, ends[index] ?? bytes.length))
}

// oxlint-disable-next-line no-control-regex -- what a terminal does not show
const plain = (bytes: Buffer): string => bytes.toString('utf8').replaceAll(/\u001B\[[0-9;?]*[A-Za-z]/g, '')

describe('patterns over a stream of text', () => {
  it('are found wherever a chunk ends: at every byte, and byte by byte', () => {
    const text = Buffer.from(`before ${CARD} after\nlast ${CARD}`)
    for (let at = 0; at <= text.length; at += 1) {
      assert.equal(through(cut(text, [at])).toString(), 'before ********1111 after\nlast ********1111', `cut at ${at}`)
    }
    assert.equal(through([...text].map(byte => Buffer.from([byte]))).toString(), 'before ********1111 after\nlast ********1111')
  })

  it('are found through colours, links and cursor sequences between any two characters, however it is cut', () => {
    const escape = fc.constantFrom(
      '\u001B[1m',
      '\u001B[0m',
      '\u001B[38;5;196m',
      '\u001B[K',
      '\u001B[?25l',
      '\u001B]8;;https://x\u0007',
      '\u001B]0;title\u001B\\',
      '\u001B(B',
      '\u001BM',
      '\u001BPq\u001B\\',
      '\u001B=',
      '',
    )
    const coloured = fc
      .tuple(fc.constantFrom(CARD, '4111111111111111', '5500-0000-0000-0004'), fc.array(escape, { minLength: 20, maxLength: 20 }))
      .map(([card, escapes]) => Array.from(card, (digit, index) => digit + (escapes[index] ?? '')).join(''))
    fc.assert(
      fc.property(coloured, fc.array(fc.nat(400), { maxLength: 8 }), fc.constantFrom('\n', '\r\n', ''), (card, places, end) => {
        const shown = plain(through(cut(Buffer.from(`pay \u001B[31m${card}\u001B[0m now${end}`), places)))
        assert.doesNotMatch(shown, /4111|5500/, JSON.stringify(card))
        assert.match(shown, /^pay /)
      }),
      { numRuns: 500 },
    )
  })

  it('leave every byte of what they do not find, in any encoding and cut anywhere', () => {
    const bytes = fc
      .uint8Array({ maxLength: 300 })
      .map(raw => Buffer.from(raw.map(byte => ((byte >= 0x30 && byte <= 0x39) || byte === 0x40 ? 0x2e : byte))))
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(300), { maxLength: 6 }), (raw, places) => {
        assert.ok(through(cut(raw, places)).equals(raw))
      }),
    )
  })

  it('count what they find once, however it is cut', () => {
    const stream = new TextStream(mask)
    for (const byte of Buffer.from(`${CARD}\nada@canary.example ${CARD}\n`)) stream.push(Buffer.from([byte]))
    stream.flush()
    assert.deepEqual(
      [...stream.found],
      [
        ['cards', 2],
        ['mails', 1],
      ],
    )
  })
})
