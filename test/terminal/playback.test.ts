import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { readCast } from '../../gateway/terminal/cast.ts'
import type { Cast, CastEvent } from '../../gateway/terminal/cast.ts'
import { lineText } from '../../gateway/terminal/grid.ts'
import { OutputIndex } from '../../gateway/terminal/output-index.ts'
import { Playback } from '../../gateway/terminal/playback.ts'
import { terminalText } from '../../gateway/terminal/terminal-text.ts'

describe('reading a cast', () => {
  it('reads header and events, counts what is none, and takes a torn end', () => {
    const cast = readCast(
      '{"version":2,"width":90,"height":20,"timestamp":7,"title":"web"}\n[0.5,"o","a"]\nnonsense\n[1,"q","b"]\n[2,"r","80x10"]\n[3,"o","to',
    )!
    assert.deepEqual([cast.size, cast.title, cast.timestamp, cast.broken], [{ columns: 90, rows: 20 }, 'web', 7, 3])
    assert.deepEqual(cast.events, [
      { seconds: 0.5, kind: 'o', text: 'a' },
      { seconds: 2, kind: 'r', text: '80x10' },
    ])
    assert.equal(readCast('{"version":3}\n'), null)
    assert.equal(readCast('not a cast'), null)
  })
})

describe('playing a terminal', () => {
  it('shows the screen of every moment, forwards and backwards', () => {
    const playback = new Playback(castOf([output(1, 'one\r\n'), output(2, 'two\r\n'), output(9, 'three')]), null)
    const seen = [0.5, 9, 1, 2.5, 0].map(seconds => {
      playback.seek(seconds)
      return text(playback)
    })
    assert.deepEqual(seen, ['', 'one/two/three', 'one', 'one/two', ''])
    assert.deepEqual([playback.duration, playback.nextAfter(1), playback.nextAfter(9)], [9, 2, null])
  })

  it('cuts pauses, and finds the same moment with another limit', () => {
    const cast = castOf([output(1, 'a'), output(100, 'b'), output(101, 'c')])
    const [whole, cut] = [new Playback(cast, null), new Playback(cast, 2)]
    assert.deepEqual([whole.duration, cut.duration, cut.timeOf(1)], [101, 4, 3])
    assert.deepEqual([whole.sameMoment(cut, 50), whole.sameMoment(cut, 100.5)], [1, 3])
  })

  it('shows after any way through the recording what it shows after the straight one', () => {
    const long = Array.from({ length: 40 }, (_, at) => output(at + 1, `\u001b[3${at % 8}m${`line ${at} `.repeat(4000)}\r\n`))
    const cast = castOf(long)
    fc.assert(
      fc.property(fc.array(fc.nat(41), { minLength: 1, maxLength: 6 }), way => {
        const wandering = new Playback(cast, null)
        for (const seconds of way) wandering.seek(seconds)
        const straight = new Playback(cast, null)
        straight.seek(way.at(-1)!)
        assert.deepEqual(wandering.screen.lines, straight.screen.lines)
      }),
      { numRuns: 5 },
    )
  })
})

describe('the text of a terminal', () => {
  it('has every line that stood there, wrapped ones put together, without one escape sequence', () => {
    const { lines, omitted } = terminalText(
      castOf([
        output(0, '$ ls\r\n\u001b[34mdir\u001b[0m\r\n'),
        output(1, `${'w'.repeat(25)}\r\n`),
        output(2, '\u001b[H\u001b[2J$ done'),
        input(3, 'secret'),
      ]),
      100,
    )
    assert.deepEqual([lines, omitted], [['$ ls', 'dir', 'w'.repeat(25), '$ done'], 0])
  })

  it('keeps the last lines of a long session, and counts the others', () => {
    const { lines, omitted } = terminalText(castOf(Array.from({ length: 500 }, (_, at) => output(at, `line ${at}\r\n`))), 10)
    assert.deepEqual([lines.length, lines.at(-1), omitted], [10, 'line 499', 490])
  })
})

describe('searching a terminal', () => {
  it('finds text across pieces, colours and letters', () => {
    const index = new OutputIndex(
      castOf([output(0, 'per\u001b[3'), output(1, '1mmission'), output(2, ' DENIED\r\nok'), output(3, 'permission')]),
    )
    assert.deepEqual(index.find('Permission denied'), [2])
    assert.deepEqual(index.find('permission'), [1, 3])
    assert.deepEqual(index.find('deniedok'), [])
    assert.deepEqual(index.find(''), [])
  })
})

function castOf(events: readonly CastEvent[]): Cast {
  return { size: { columns: 20, rows: 5 }, title: '', timestamp: 0, events, broken: 0 }
}

function output(seconds: number, text: string): CastEvent {
  return { seconds, kind: 'o', text }
}

function input(seconds: number, text: string): CastEvent {
  return { seconds, kind: 'i', text }
}

function text({ screen }: Playback): string {
  return screen.lines.map(lineText).join('/').replace(/\/+$/, '')
}
