// Readers against writers, and against bytes that nobody should have sent: nothing but a WireError, and never a loop.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import * as backend from '../../../gateway/wire/postgres/backend.ts'
import * as backendWriter from '../../../gateway/wire/postgres/backend-writer.ts'
import { Framer } from '../../../gateway/wire/postgres/framer.ts'
import * as frontend from '../../../gateway/wire/postgres/frontend.ts'
import * as frontendWriter from '../../../gateway/wire/postgres/frontend-writer.ts'
import { int16, int32, message } from '../../../gateway/wire/postgres/message-writer.ts'
import { readOptions, splitOptions } from '../../../gateway/wire/postgres/startup-options.ts'
import {
  readStartup,
  startupLength,
  version30,
  writeCancelRequest,
  writeSslRequest,
  writeStartup,
} from '../../../gateway/wire/postgres/startup.ts'
import { serverEndPoint } from '../../../gateway/wire/postgres/server-end-point.ts'
import { WireError } from '../../../gateway/wire/postgres/wire-error.ts'

type Read = (bytes: Buffer, start: number, end: number) => unknown

const readers: readonly Read[] = [
  frontend.readQuery,
  frontend.readParse,
  frontend.readBind,
  frontend.readNamed,
  frontend.readExecute,
  frontend.readFunctionCall,
  frontend.readEmpty,
  frontend.readCopyFail,
  frontend.readSaslInitial,
  backend.readRowDescription,
  backend.readDataRow,
  backend.readCommandComplete,
  backend.readFields,
  backend.readParameterStatus,
  backend.readBackendKey,
  backend.readReady,
  backend.readAuthentication,
  backend.readCopyResponse,
]

const rowDescription = message(0x54, [int16(1), 'email', int32(16_385), int16(3), int32(25), int16(-1), int32(-1), int16(0)])

const samples: readonly Buffer[] = [
  frontendWriter.writeQuery('SELECT 1'),
  frontendWriter.writeParse('s', 'SELECT $1', [23, 25]),
  frontendWriter.writeBind('p', 's', [Buffer.from('42'), null]),
  frontendWriter.writeDescribe('portal', 'p'),
  frontendWriter.writeExecute('p', 5),
  frontendWriter.writeSaslInitial('SCRAM-SHA-256', 'n,,n=,r=abc'),
  message(0x46, [int32(1598), int16(1), int16(0), int16(1), int32(2), Buffer.from('42'), int16(0)]),
  rowDescription,
  backendWriter.writeDataRow([Buffer.from('a'), null]),
  backendWriter.writeCommandComplete('SELECT 1'),
  backendWriter.writeError({ severity: 'ERROR', sqlState: '42501', message: 'no', detail: 'd', hint: 'h' }),
  backendWriter.writeParameterStatus('a', 'b'),
  backendWriter.writeBackendKey(7, Buffer.alloc(32, 1)),
  backendWriter.writeReady(0x49),
  backendWriter.writeSasl(['SCRAM-SHA-256']),
]

function onlyWireErrors(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
  }
}

const longer = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.from('x')])

describe('messages', () => {
  it('are read as they were written', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter(one => !one.includes('\0'))
    const values = fc.array(fc.option(fc.uint8Array({ maxLength: 30 }).map(bytes => Buffer.from(bytes))), { maxLength: 6 })
    fc.assert(
      fc.property(text, text, values, fc.nat(0x7fff_ffff), (name, sql, cells, number) => {
        const query = frontendWriter.writeQuery(sql)
        assert.equal(frontend.readQuery(query, 0, query.length).toString(), sql)
        const parse = frontendWriter.writeParse(name, sql, [number])
        assert.deepEqual(frontend.readParse(parse, 0, parse.length), { name, text: Buffer.from(sql), typeOids: [number] })
        const bind = frontendWriter.writeBind(name, sql, cells)
        assert.deepEqual(frontend.readBind(bind, 0, bind.length), {
          portal: name,
          statement: sql,
          formats: [],
          values: cells,
          resultFormats: [],
        })
        const execute = frontendWriter.writeExecute(name, number)
        assert.deepEqual(frontend.readExecute(execute, 0, execute.length), { portal: name, maxRows: number })
        const row = backendWriter.writeDataRow(cells)
        assert.deepEqual(backend.readDataRow(row, 0, row.length), cells)
        const status = backendWriter.writeParameterStatus(name, sql)
        assert.deepEqual(backend.readParameterStatus(status, 0, status.length), [name, sql])
      }),
      { numRuns: 300 },
    )
  })

  it('describe columns with the table they are from', () => {
    assert.deepEqual(backend.readRowDescription(rowDescription, 0, rowDescription.length), [
      { name: 'email', tableOid: 16_385, attribute: 3, typeOid: 25, format: 0 },
    ])
  })

  it('carry an error field by field, and no zero byte into the next one', () => {
    const bytes = backendWriter.writeError({ severity: 'ERROR', sqlState: '42501', message: 'a\0Cb' })
    assert.deepEqual(
      [...backend.readFields(bytes, 0, bytes.length)],
      [
        ['S', 'ERROR'],
        ['V', 'ERROR'],
        ['C', '42501'],
        ['M', 'a\uFFFDCb'],
      ],
    )
  })

  it('are refused when they are cut anywhere', () => {
    for (const sample of samples) {
      for (let end = 5; end < sample.length; end++) for (const read of readers) onlyWireErrors(() => read(sample, 0, end))
    }
    for (const [read, sample] of [
      [frontend.readQuery, samples[0]],
      [frontend.readParse, samples[1]],
      [frontend.readBind, samples[2]],
    ] as const) {
      for (let end = 5; end < sample!.length; end++) assert.throws(() => read(sample!, 0, end), WireError)
    }
  })

  it('are refused when they are longer than their fields', () => {
    for (const [read, sample] of [
      [frontend.readQuery, longer(samples[0]!)],
      [frontend.readParse, longer(samples[1]!)],
      [frontend.readBind, longer(samples[2]!)],
      [frontend.readNamed, longer(samples[3]!)],
      [frontend.readExecute, longer(samples[4]!)],
      [backend.readDataRow, longer(samples[8]!)],
      [backend.readReady, longer(samples[13]!)],
    ] as const) {
      assert.throws(() => read(sample, 0, sample.length), WireError)
    }
  })

  it('never claim more fields than they have bytes', () => {
    const bind = message(0x42, ['', '', int16(0), int16(-1)])
    assert.throws(() => frontend.readBind(bind, 0, bind.length), WireError)
    const row = message(0x44, [int16(-1)])
    assert.throws(() => backend.readDataRow(row, 0, row.length), WireError)
  })

  it('never name by bytes that are not UTF-8', () => {
    const parse = message(0x50, [Buffer.from([0xc3, 0x28, 0]), 'SELECT 1', int16(0)])
    assert.throws(() => frontend.readParse(parse, 0, parse.length), WireError)
  })

  it('make nothing but WireErrors out of 5,000 mutations', () => {
    const mutation = fc.tuple(fc.nat(samples.length - 1), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 6 }))
    fc.assert(
      fc.property(mutation, ([index, changes]) => {
        const bytes = Buffer.from(samples[index]!)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        for (const read of readers) onlyWireErrors(() => read(bytes, 0, bytes.length))
        onlyWireErrors(() => readStartup(bytes))
        onlyWireErrors(() => serverEndPoint(bytes))
        onlyWireErrors(() => {
          const framer = new Framer({ wantsWhole: type => type % 2 === 0, onMessage: () => {}, onPiece: () => {} }, 10_000)
          framer.push(bytes)
          framer.push(bytes)
        })
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('startup packets', () => {
  it('are read as they were written', () => {
    const startup = writeStartup(
      version30,
      new Map([
        ['user', 'ci'],
        ['database', 'orders'],
        ['_pq_.x', 'y'],
      ]),
    )
    assert.equal(startupLength(startup), startup.length)
    assert.deepEqual(readStartup(startup), {
      kind: 'startup',
      version: version30,
      parameters: new Map([
        ['user', 'ci'],
        ['database', 'orders'],
      ]),
      protocolOptions: ['_pq_.x'],
    })
    assert.deepEqual(readStartup(writeSslRequest()), { kind: 'ssl' })
    assert.deepEqual(readStartup(writeCancelRequest(7, Buffer.from('abcd'))), { kind: 'cancel', pid: 7, key: Buffer.from('abcd') })
  })

  it('are refused above 10,000 bytes, below 8, and with a key that cannot be', () => {
    for (const length of [0, 7, 10_001, 0x7fff_ffff]) {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32BE(length)
      assert.throws(() => startupLength(bytes), WireError)
    }
    assert.equal(startupLength(Buffer.alloc(3)), null)
    assert.throws(() => readStartup(writeCancelRequest(7, Buffer.from('abc'))), WireError)
    assert.throws(() => readStartup(writeCancelRequest(7, Buffer.alloc(257))), WireError)
  })

  it('hold options that are split as PostgreSQL splits them', () => {
    assert.deepEqual(splitOptions(String.raw`  -c  a=b\ c\\d	-cx=y \ `), ['-c', String.raw`a=b c\d`, '-cx=y', ' '])
    assert.deepEqual(readOptions(String.raw`-c search_path=a\ b --work-mem=1 -cTimeZone=UTC`), [
      ['search_path', 'a b'],
      ['work_mem', '1'],
      ['TimeZone', 'UTC'],
    ])
    for (const options of ['-d 5', 'x', '-c', '-c x', '--', '--=1', '-']) assert.throws(() => readOptions(options), WireError, options)
  })
})
