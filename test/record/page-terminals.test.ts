import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { castEvent, castHeader } from '../../gateway/record/cast.ts'
import { PageTerminals } from '../../gateway/record/page-terminals.ts'
import type { PageTerminal } from '../../gateway/record/page-terminals.ts'

const name = 'sessions/s-1.cast'

describe('a terminal of a page', () => {
  it('is there as text and for the player', async () => {
    const { html, part } = await read('hello\r\n<b>')
    assert.match(html, /<pre tabindex="0">hello\n&lt;b&gt;<\/pre>/)
    assert.match(part, /^<script type="text\/plain" id="file:sessions\/s-1\.cast">\n/)
  })

  it('is told from its end where it is long, and says so', async () => {
    const { html } = await read(...Array.from({ length: 30_000 }, (_, at) => `line ${at} ${'x'.repeat(40)}\r\n`))
    assert.match(html, /What came before these lines is in the recording/)
    assert.match(html, /line 29999 /)
    assert.equal(html.includes('line 100 '), false)
  })

  it('is not carried where it is too long, missing, or cannot be opened, and says which', async () => {
    const long = await read('x'.repeat(5 * 1024 * 1024))
    assert.deepEqual([long.part, /is not inside this page: it is too long for one/.test(long.html)], ['', true])
    const none = new PageTerminals({ names: [], sizeOf: () => 0, read: () => bytes(Buffer.alloc(0)) }, (_, stored) => stored)
    assert.match((await none.read(name)).html, /or the run ended before it was shipped/)
    const sealed = new PageTerminals({ names: [name], sizeOf: () => 1, read: () => bytes(Buffer.from('x')) }, () => null)
    assert.match((await sealed.read(name)).html, /cannot be read/)
  })
})

function read(...output: string[]): Promise<PageTerminal> {
  const header = castHeader({ width: 80, height: 24, timestamp: 0, title: 'web' })
  const cast = Buffer.from(header + output.map((text, at) => castEvent(at, 'o', text)).join(''))
  return new PageTerminals({ names: [name], sizeOf: () => cast.length, read: () => bytes(cast) }, (_, stored) => stored).read(name)
}

async function* bytes(whole: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(whole)
}
