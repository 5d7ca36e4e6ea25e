// The forms of a switched connection without a connection: whatever way bytes are cut, the client gets the same, covered.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SpdyReader, writeSpdyControl, writeSpdyData } from '../../../gateway/wire/kubernetes/spdy-frames.ts'
import { SpdyHeaderWriter } from '../../../gateway/wire/kubernetes/spdy-headers.ts'
import { WebSocketReader, writeBinary } from '../../../gateway/wire/kubernetes/websocket-frames.ts'
import { ChannelForm } from '../../../gateway/engine/kubernetes/channel-form.ts'
import { OutputMask } from '../../../gateway/engine/kubernetes/output-mask.ts'
import { channelPortForm, spdyPortForm } from '../../../gateway/engine/kubernetes/port-form.ts'
import { SpdyForm } from '../../../gateway/engine/kubernetes/spdy-form.ts'
import type { StreamForm } from '../../../gateway/engine/kubernetes/stream-form.ts'
import { StreamRecord } from '../../../gateway/engine/kubernetes/stream-record.ts'
import type { EventBody } from '../../../gateway/core/events.ts'
import type { Session } from '../../../gateway/core/session.ts'
import { textMask } from '../../../gateway/mask/text-mask.ts'

const CARD = '4111111111111111'
const text = textMask(
  [
    {
      name: 'cards',
      on: null,
      columns: [],
      patterns: [{ kind: 'builtin', name: 'credit-card' }],
      fields: [],
      with: { kind: 'redact' },
      unless: [],
      inference: 'allow',
    },
  ],
  Buffer.alloc(32, 7),
)

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A form with what it records. */
function formThat<Form extends StreamForm>(
  make: (sinks: { mask: OutputMask; record: StreamRecord }) => Form,
): {
  form: Form
  record: StreamRecord
  events: EventBody[]
} {
  const events: EventBody[] = []
  const session = { keptRows: 100, append: (event: EventBody) => events.push(event) > 0 } as unknown as Session
  const record = new StreamRecord(session, 1, false, text)
  return { form: make({ mask: new OutputMask(text, false), record }), record, events }
}

const opening = (types: readonly string[]): Buffer => {
  const writer = new SpdyHeaderWriter()
  return Buffer.concat(
    types.map((type, index) =>
      writeSpdyControl('syn-stream', false, number(2 * index + 1), number(0), Buffer.alloc(2), writer.write([['streamtype', type]])),
    ),
  )
}

/** Content of each stream, with a dot where it ended. */
function streamsOf(bytes: Buffer): Record<number, string> {
  const found: Record<number, string> = {}
  for (const frame of new SpdyReader().push(bytes)) {
    if (frame.kind === 'data') found[frame.stream] = (found[frame.stream] ?? '') + frame.payload.toString() + (frame.isLast ? '.' : '')
  }
  return found
}

describe('exec over SPDY', () => {
  const status = '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"5"}]}}'
  const answer = Buffer.concat([
    writeSpdyData(3, Buffer.from('one 41111111'), false),
    writeSpdyControl('ping', false, number(1)),
    writeSpdyData(5, Buffer.from(`err ${CARD}`), false),
    writeSpdyData(3, Buffer.from('11111111 two\nno end'), false),
    writeSpdyData(3, Buffer.alloc(0), true),
    writeSpdyData(1, Buffer.from(status), true),
    writeSpdyControl('goaway', false, number(0), number(0)),
  ])

  it('is covered alike however it is cut, and passes control frames as they are', () => {
    for (let cut = 0; cut <= answer.length; cut += 1) {
      const { form, record, events } = formThat(sinks => new SpdyForm(sinks))
      form.fromClient(opening(['error', 'stdout', 'stderr']))
      const shown = Buffer.concat([
        ...form.fromTarget(answer.subarray(0, cut)),
        ...form.fromTarget(answer.subarray(cut)),
        ...form.flush(true),
      ])
      assert.deepEqual(streamsOf(shown), { 1: `${status}.`, 3: 'one [redacted] two\nno end.', 5: 'err [redacted]' }, `cut at ${cut}`)
      const controls = new SpdyReader().push(shown).flatMap(frame => (frame.kind === 'control' ? [frame.type] : []))
      assert.deepEqual(controls, ['ping', 'goaway'])
      record.close('', [])
      const [rows, result] = events
      assert.deepEqual(new Set(rows?.kind === 'rows' ? rows.rows.map(([name]) => name) : []), new Set(['stdout', 'stderr']))
      assert.ok(!JSON.stringify(events).includes(CARD))
      assert.match(result?.kind === 'result' ? result.tag : '', /^exit status 5; 0 bytes in/)
    }
  })

  it('is refused when a stream is opened under two names, or two under one', () => {
    const again = (first: string, second: string, stream: number): Buffer => {
      const writer = new SpdyHeaderWriter()
      return Buffer.concat(
        [first, second].map((type, index) =>
          writeSpdyControl(
            'syn-stream',
            false,
            number(index === 0 ? 1 : stream),
            number(0),
            Buffer.alloc(2),
            writer.write([['streamtype', type]]),
          ),
        ),
      )
    }
    assert.throws(() => formThat(sinks => new SpdyForm(sinks)).form.fromClient(again('error', 'stdout', 1)), RangeError)
    assert.throws(() => formThat(sinks => new SpdyForm(sinks)).form.fromClient(again('stdout', 'stdout', 3)), RangeError)
  })

  it('covers what comes on a stream that nobody opened', () => {
    const { form } = formThat(sinks => new SpdyForm(sinks))
    const shown = Buffer.concat([...form.fromTarget(writeSpdyData(9, Buffer.from(CARD), false)), ...form.flush(true)])
    assert.deepEqual(streamsOf(shown), { 9: '[redacted]' })
  })

  it('tells the client in its own streams why it ends', () => {
    const { form } = formThat(sinks => new SpdyForm(sinks))
    form.fromClient(opening(['error', 'stdout', 'stderr']))
    const said = streamsOf(Buffer.concat(form.refuse('no more')))
    assert.equal(said[5], 'sallyport: no more\n.')
    assert.match(said[1] ?? '', /"status":"Failure","message":"sallyport: no more"/)
  })
})

describe('a terminal', () => {
  /** A record whose terminal is kept in words. */
  const terminalThat = (isFull: () => boolean, mask: typeof text): { said: string[]; record: StreamRecord } => {
    const said: string[] = []
    const session = {
      keptRows: 100,
      append: () => true,
      openTerminal: (_: number, { columns, rows }: { columns: number; rows: number }) => {
        said.push(`open ${columns}x${rows}`)
        return {
          output: (bytes: Buffer) => said.push(`out ${bytes.toString()}`) > 0 && !isFull(),
          input: (bytes: Buffer) => said.push(`in ${JSON.stringify(bytes.toString())}`) > 0,
          resize: (wide: number, high: number) => void said.push(`size ${wide}x${high}`),
          close: () => void said.push('close'),
        }
      },
    } as unknown as Session
    return { said, record: new StreamRecord(session, 1, true, mask) }
  }

  it('is recorded with its sizes, what was typed and what was shown, in that order, and closed', () => {
    const { said, record } = terminalThat(() => false, null)
    const form = new ChannelForm({ mask: new OutputMask(null, false), record })
    const channel = (number: number, content: string): Buffer => writeBinary(Buffer.from([number]), Buffer.from(content))
    form.fromClient(channel(4, '{"Width":120,"Height":40}\n'))
    form.fromTarget(channel(1, '$ '))
    form.fromClient(channel(0, 'l'))
    form.fromClient(channel(0, 's\r'))
    form.fromClient(
      Buffer.concat([channel(4, '{"Width":80,"He'), channel(4, 'ight":24}\n{"Width":90,"Height":30}\n'), channel(4, 'nonsense\n')]),
    )
    form.fromTarget(channel(1, 'file\r\n'))
    record.close('', [])
    assert.deepEqual(said, ['open 120x40', 'out $ ', 'in "l"', 'in "s\\r"', 'size 80x24', 'size 90x30', 'out file\r\n', 'close'])
  })

  it('tells when the recording is behind, and keeps typed lines covered where patterns are hidden', () => {
    const { said, record } = terminalThat(() => true, text)
    record.shown('stdout', Buffer.from('$ '))
    assert.ok(record.isBehind)
    for (const key of `pay ${CARD}\rlast`) record.sent(Buffer.from(key))
    record.close('', [])
    assert.deepEqual(said, ['open 80x24', 'out $ ', 'in "pay [redacted]\\r"', 'in "last"', 'close'])
  })
})

describe('a line without an end', () => {
  it('is let out in parts that cut no value', () => {
    for (let before = 256 * 1_024 - 40; before < 256 * 1_024 + 40; before += 3) {
      const mask = new OutputMask(text, false)
      const line = Buffer.from(`${'x '.repeat(before / 2)}${CARD} ${'y '.repeat(3_000)}`)
      let shown = ''
      for (let at = 0; at < line.length; at += 4_000) shown += mask.push('stdout', line.subarray(at, at + 4_000)).toString()
      assert.ok(shown.length > 0, 'it is not kept for ever')
      shown += mask.end('stdout').toString()
      assert.equal(shown, line.toString().replace(CARD, '[redacted]'), String(before))
    }
  })
})

describe('exec over WebSocket', () => {
  const channel = (number: number, content: string): Buffer => writeBinary(Buffer.from([number]), Buffer.from(content))

  it('is covered alike however it is cut, continued messages too', () => {
    const continued = Buffer.concat([Buffer.from([0x02, 5, 1]), Buffer.from('4111'), Buffer.from([0x80, 12]), Buffer.from('111111111111')])
    const answer = Buffer.concat([
      channel(1, 'a '),
      continued,
      channel(2, `e ${CARD}\n`),
      Buffer.from([0x89, 0]),
      channel(1, ' b'),
      channel(3, '{"status":"Success"}'),
    ])
    for (let cut = 0; cut <= answer.length; cut += 1) {
      const { form } = formThat(sinks => new ChannelForm(sinks))
      const shown = Buffer.concat([
        ...form.fromTarget(answer.subarray(0, cut)),
        ...form.fromTarget(answer.subarray(cut)),
        ...form.flush(true),
      ])
      const found: Record<number, string> = {}
      for (const { opcode, payload } of new WebSocketReader().push(shown)) {
        if (opcode === 9) continue
        const at = payload[0] ?? -1
        found[at] = (found[at] ?? '') + payload.subarray(1).toString()
      }
      assert.deepEqual(found, { 1: 'a [redacted] b', 2: 'e [redacted]\n', 3: '{"status":"Success"}' }, `cut at ${cut}`)
    }
  })
})

describe('a forwarded port', () => {
  const counts = (events: readonly EventBody[]): unknown => events.flatMap(event => (event.kind === 'rows' ? event.rows : []))

  it('passes byte for byte, and is counted by port, over SPDY and tunnelled', () => {
    const writer = new SpdyHeaderWriter()
    const open = (stream: number, type: string, port: string): Buffer =>
      writeSpdyControl(
        'syn-stream',
        false,
        number(stream),
        number(0),
        Buffer.alloc(2),
        writer.write([
          ['streamtype', type],
          ['port', port],
          ['requestid', '0'],
        ]),
      )
    const sent = Buffer.concat([open(1, 'error', '80'), open(3, 'data', '80'), writeSpdyData(3, Buffer.from('hello'), true)])
    const answered = Buffer.concat([writeSpdyData(3, Buffer.from(CARD), false), writeSpdyData(3, Buffer.alloc(0), true)])
    for (const isTunnel of [false, true]) {
      const wrapped = (bytes: Buffer): Buffer =>
        isTunnel ? Buffer.concat([writeBinary(bytes.subarray(0, 7)), writeBinary(bytes.subarray(7))]) : bytes
      const { form, record, events } = formThat(sinks => spdyPortForm(sinks.record, isTunnel))
      assert.ok(Buffer.concat(form.fromClient(wrapped(sent))).equals(wrapped(sent)))
      assert.ok(Buffer.concat(form.fromTarget(wrapped(answered))).equals(wrapped(answered)))
      record.close('101', [])
      assert.deepEqual(counts(events), [['80', '1', '5', '16']])
    }
  })

  it('is counted over the channels of older WebSocket clients', () => {
    const { form, record, events } = formThat(sinks => channelPortForm(sinks.record, ['80', '443']))
    const port = Buffer.from([80, 0])
    form.fromTarget(Buffer.concat([0, 1, 2, 3].map(at => writeBinary(Buffer.from([at]), port))))
    form.fromClient(writeBinary(Buffer.from([2]), Buffer.from('abc')))
    form.fromTarget(writeBinary(Buffer.from([2]), Buffer.from('defgh')))
    record.close('101', [])
    assert.deepEqual(counts(events), [
      ['80', '1', '0', '0'],
      ['443', '1', '3', '5'],
    ])
  })
})
