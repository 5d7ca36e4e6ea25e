import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { castEvent, castHeader } from '../../gateway/record/cast.ts'
import { PageTerminals } from '../../gateway/record/page-terminals.ts'
import { readCast } from '../../gateway/terminal/cast.ts'
import { terminalText } from '../../gateway/terminal/terminal-text.ts'

/** Few bytes that ask a large screen for all of its cells. */
const asking: Record<string, string> = {
  'characters pushed in front of others': '\u001b[1000@',
  'lines pushed in front of others': '\u001b[500L\u001b[H',
  'lines taken away': '\u001b[500M\u001b[H',
  'scrolling by the screen': '\u001b[1000S',
  'scrolling back by the screen': '\u001b[1000T',
  'erasing the screen': '\u001b[2J',
  'a screen full of E': '\u001b#8',
  'the other screen and back': '\u001b[?1049h\u001b[?1049l',
  'starting anew': '\u001bc',
  'repeating a character': 'x\u001b[1000000b',
}
const CHARS = 256 * 1024

describe('a terminal whose program keeps its screen busy', () => {
  for (const [what, sequence] of Object.entries(asking))
    it(`is told as far as it is worth, in the time that a page has: ${what}`, async () => {
      const output = sequence.repeat(CHARS / sequence.length)
      const terminals = new Map(Array.from({ length: 8 }, (_, at) => [`sessions/s-${at}.cast`, castOf(output)]))
      const page = new PageTerminals(
        { names: [...terminals.keys()], sizeOf: name => terminals.get(name)!.length, read: name => bytes(terminals.get(name)!) },
        (_, stored) => stored,
      )
      const started = process.cpuUsage()
      const told: string[] = []
      for (const name of terminals.keys()) told.push((await page.read(name)).html)
      const { user, system } = process.cpuUsage(started)
      assert.ok((user + system) / 1e6 < 3, `${(user + system) / 1e6} s`)
      assert.match(told.at(-1)!, /What came (?:before|after) these lines is in the recording/)
    })

  it('is told whole where it works as programs do', () => {
    const frames = Array.from({ length: 400 }, (_, at) => `\u001b[H\u001b[2J${`line ${at} ${'x'.repeat(70)}\r\n`.repeat(40)}`)
    const { isStopped, touched } = terminalText(
      readCast(
        castOf(...frames)
          .toString()
          .replace('"width":1000,"height":1000', '"width":200,"height":50'),
      )!,
      2000,
      24 * 1024 * 1024,
    )
    assert.equal(isStopped, false)
    assert.ok(touched > 0)
  })
})

function castOf(...output: string[]): Buffer {
  const header = castHeader({ width: 1000, height: 1000, timestamp: 0, title: 'web' })
  return Buffer.from(header + output.map((text, at) => castEvent(at, 'o', text)).join(''))
}

async function* bytes(whole: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(whole)
}
