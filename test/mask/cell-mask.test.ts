// Every kind of mask on every common type, in both formats: the server itself must be able to read what the client gets.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { cellMask } from '../../gateway/mask/cell-mask.ts'
import type { MaskKind } from '../../gateway/core/mask-rule.ts'
import { startPostgres } from '../../world/postgres/server.ts'
import type { PostgresServer } from '../../world/postgres/server.ts'

const kinds: readonly MaskKind[] = [
  { kind: 'redact' },
  { kind: 'null' },
  { kind: 'keep-last', count: 4 },
  { kind: 'keep-domain' },
  { kind: 'hash' },
  { kind: 'zero' },
]

const samples: Readonly<Record<string, string>> = {
  bool: 't',
  bytea: '\\xdeadbeef',
  name: 'somebody',
  int2: '31234',
  int4: '-918273645',
  int8: '4111111111111111',
  text: 'somebody@host.example',
  oid: '91827',
  json: '{"a": 1}',
  jsonb: '{"a": 1}',
  xml: '<a>b</a>',
  float4: '1.5',
  float8: '-2.25',
  money: '$12.34',
  macaddr: '0a:ca:fe:ba:be:01',
  macaddr8: '0a:ca:fe:ff:fe:ba:be:01',
  inet: '203.0.113.7',
  cidr: '203.0.113.0/24',
  bpchar: 'abcdefghij',
  varchar: 'abcdefghij',
  date: '1987-06-05',
  time: '06:54:32.5',
  timetz: '06:54:32.5+02',
  timestamp: '1987-06-05 06:54:32',
  timestamptz: '1987-06-05 06:54:32+00',
  interval: '1 year 2 days',
  numeric: '91827364.5',
  uuid: 'c0ffee00-dead-4bad-8bad-facefeed0001',
  int4range: '[1,5)',
  tstzrange: '[1987-06-05 00:00:00+00,)',
  int4multirange: '{[1,5)}',
  'text[]': '{a,"b c"}',
  'int4[]': '{1,2}',
  'jsonb[]': '{"{\\"a\\": 1}"}',
  point: '(1,2)',
  bit: '1',
  tsvector: "'a':1",
  pg_lsn: '1/2',
  varbit: '101',
  '"char"': 'Q',
  tsquery: "'a' & 'b'",
  box: '(1,1),(0,0)',
  circle: '<(1,2),3>',
  lseg: '[(1,2),(3,4)]',
  path: '((1,2),(3,4))',
  polygon: '((1,2),(3,4),(5,6))',
  line: '{1,2,3}',
  jsonpath: '$."a"',
  regclass: 'pg_class',
  xid: '123',
  xid8: '123',
  pg_snapshot: '10:20:10,14',
  int8range: '[1,5)',
  numrange: '[1.5,2.5]',
  datemultirange: '{[1987-06-05,1987-06-07)}',
  'date[]': '{1987-06-05}',
  'uuid[]': '{c0ffee00-dead-4bad-8bad-facefeed0001}',
  'bool[]': '{t,f}',
}

const shown = (kind: MaskKind, value: string, typeOid = 25): string | null =>
  cellMask('pii', kind, Buffer.alloc(32, 1)).apply(Buffer.from(value), typeOid, 0)?.toString() ?? null

describe('masks of cells', () => {
  let server: PostgresServer
  let client: Client
  const oids = new Map<string, number>()

  before(async () => {
    server = await startPostgres()
    client = new Client({
      host: server.host,
      port: server.port,
      user: server.user,
      password: server.password,
      database: await server.createDatabase(),
    })
    await client.connect()
    for (const type of Object.keys(samples)) {
      const { rows } = await client.query<[string]>({ text: `SELECT '${type}'::regtype::oid::int`, rowMode: 'array' })
      oids.set(type, Number(rows[0]?.[0]))
    }
  })
  after(async () => {
    await client.end()
    await server.stop()
  })

  for (const kind of kinds) {
    const mask = cellMask('pii', kind, Buffer.alloc(32, 1))

    it(`${kind.kind} gives text that the type takes, or NULL`, async () => {
      for (const [type, value] of Object.entries(samples)) {
        const masked = mask.apply(Buffer.from(value), oids.get(type)!, 0)
        if (masked === null) continue
        assert.notEqual(masked.toString(), value, type)
        await assert.doesNotReject(
          client.query({ text: `SELECT $1::text::${type}`, values: [masked.toString()] }),
          `${type}: ${masked.toString()}`,
        )
      }
    })

    it(`${kind.kind} gives binary that the type takes, or NULL`, async () => {
      for (const [type, value] of Object.entries(samples)) {
        const cell = await binaryOf(client, type, value)
        const masked = mask.apply(cell, oids.get(type)!, 1)
        if (masked === null) continue
        assert.notDeepEqual(masked, cell, type)
        await assert.doesNotReject(client.query({ text: `SELECT $1::${type}`, values: [masked] }), `${type}: ${masked.toString('hex')}`)
      }
    })

    it(`${kind.kind} says nothing of the length of a text`, () => {
      if (kind.kind === 'keep-domain') return assert.equal(text('a@h.example'), text('somebody-long@h.example'))
      const lengths = ['', 'x', 'xy', 'x'.repeat(7), 'x'.repeat(8), 'x'.repeat(500)].map(value => text(value)?.length)
      assert.deepEqual(new Set(lengths).size, 1)
    })

    function text(value: string): string | undefined {
      return mask.apply(Buffer.from(value), 25, 0)?.toString()
    }
  }

  it('keeps the end of a text that is long enough, by letters and not by bytes', () => {
    assert.equal(shown({ kind: 'keep-last', count: 4 }, '987-65-4321'), '********4321')
    assert.equal(shown({ kind: 'keep-last', count: 2 }, 'aaaa😀é'), '********😀é')
    assert.equal(shown({ kind: 'keep-last', count: 4 }, '1234567'), '************')
    assert.equal(shown({ kind: 'keep-last', count: 4 }, '4111111111111111', 20), '1111')
    assert.equal(shown({ kind: 'keep-last', count: 4 }, '1234567', 20), '0')
  })

  it('keeps a domain only where there is one', () => {
    assert.equal(shown({ kind: 'keep-domain' }, 'ada@host.example'), '***@host.example')
    assert.equal(shown({ kind: 'keep-domain' }, 'no address'), '[redacted]')
    assert.equal(shown({ kind: 'keep-domain' }, 'mail me @ home, number 12'), '[redacted]')
    assert.equal(shown({ kind: 'keep-domain' }, '@host.example'), '[redacted]')
  })

  it('writes in place what it would answer', () => {
    for (const kind of kinds) {
      const mask = cellMask('pii', kind, Buffer.alloc(32, 1))
      const writer = mask.writer?.(25, 0)
      if (writer == null) continue
      const out = Buffer.alloc(400)
      for (const text of [
        '',
        'a',
        'ada@host.example',
        '@host.example',
        'x@',
        'no address',
        'ada@-host',
        'a@b@c.example',
        'é@bücher.example',
        'x'.repeat(70),
        `a@${'h'.repeat(254)}`,
        'aaaa😀é',
        '987-65-4321',
      ]) {
        const cell = Buffer.from(`..${text}..`)
        const size = writer.write(cell, 2, cell.length - 2, out, 3)
        if (size < 0) continue
        assert.ok(size <= writer.maxBytes)
        assert.equal(out.toString('utf8', 3, 3 + size), mask.apply(Buffer.from(text), 25, 0)?.toString(), `${kind.kind}: ${text}`)
      }
    }
  })

  it('hashes equal values equally within a run, and differently in another', () => {
    const first = cellMask('pii', { kind: 'hash' }, Buffer.alloc(32, 1))
    const second = cellMask('pii', { kind: 'hash' }, Buffer.alloc(32, 2))
    const value = Buffer.from('somebody')
    assert.deepEqual(first.apply(value, 25, 0), first.apply(Buffer.from('somebody'), 25, 0))
    assert.notDeepEqual(first.apply(value, 25, 0), first.apply(Buffer.from('somebodx'), 25, 0))
    assert.notDeepEqual(first.apply(value, 25, 0), second.apply(value, 25, 0))
  })
})

/** The value as the server sends it in binary. */
async function binaryOf(client: Client, type: string, value: string): Promise<Buffer> {
  const sends = await client.query<[string]>({ text: `SELECT typsend::text FROM pg_type WHERE oid = '${type}'::regtype`, rowMode: 'array' })
  const send = sends.rows[0]?.[0] ?? assert.fail(type)
  const { rows } = await client.query<[string]>({
    text: `SELECT encode(${send}($1::text::${type}), 'hex')`,
    values: [value],
    rowMode: 'array',
  })
  return Buffer.from(rows[0]?.[0] ?? assert.fail(type), 'hex')
}
