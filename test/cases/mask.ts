// Plays the masking cases through the real engine, each on a fresh copy of the database: no canary may reach the client in any message.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Masker } from '../../gateway/core/masker.ts'
import type { MaskRule } from '../../gateway/core/mask-rule.ts'
import { resultMaskDeskFor } from '../../gateway/engine/postgres/result-mask-desk.ts'
import { maskerFor } from '../../gateway/mask/masker-for.ts'
import { startPostgres } from '../../world/postgres/server.ts'
import type { PostgresServer } from '../../world/postgres/server.ts'
import { writeDescribe, writeExecute, writeParse, writeQuery } from '../../gateway/wire/postgres/frontend-writer.ts'
import { frontend } from '../../gateway/wire/postgres/message-type.ts'
import { int16, message } from '../../gateway/wire/postgres/message-writer.ts'
import { gatewayThat } from '../engine/postgres/gateway-that.ts'
import { RawClient, fieldsOf } from '../engine/postgres/raw-client.ts'
import type { Message } from '../engine/postgres/raw-client.ts'
import { identity } from '../session/samples.ts'
import type { CaseRow } from './case-row.ts'

export interface MaskCase {
  readonly id: string
  readonly technique: string
  readonly kind: 'leak' | 'derived' | 'inference' | 'maybe' | 'control-pass' | 'control-pass-or-policy' | 'control-noleak'
  readonly protocol: 'simple' | 'extended' | 'copy'
  readonly mode?: string
  readonly pre?: readonly string[]
  readonly sql: string
  readonly must_not_appear?: '*canaries' | readonly string[]
  /** Binary values, as hex of their bytes. */
  readonly must_not_appear_hex?: readonly string[]
  readonly must_appear?: readonly string[]
  readonly note?: string
  /** control-noleak: the SQLSTATE that must arrive. */
  readonly sqlstate?: string
}

interface CaseHeader {
  readonly schema_sql: string
  readonly masked_columns: readonly string[]
  readonly canaries: readonly string[]
}

const folder = import.meta.dirname

/** Cases played at the same time, each on a database of its own. */
const PLAYERS = 4

/** All cases: those that came with the project's reference and those of our own. */
export async function playMask(): Promise<readonly CaseRow[]> {
  const { header, cases } = readCases('pg-mask.jsonl')
  const own = readCases('pg-mask-own.jsonl')
  const server = await startPostgres({ settings: { max_connections: '50' } })
  try {
    const all = [...cases.map(one => ({ one, header })), ...own.cases.map(one => ({ one, header: own.header }))]
    const templates = new Map<string, string>()
    for (const { schema_sql: schema } of [header, own.header])
      templates.set(schema, templates.get(schema) ?? (await server.createDatabase(schema)))
    const rows: CaseRow[] = []
    const next = all.entries()
    const playOn = async (): Promise<void> => {
      for (const [index, { one, header }] of next) rows[index] = await play(server, templates.get(header.schema_sql) ?? '', header, one)
    }
    await Promise.all(Array.from({ length: PLAYERS }, playOn))
    return rows
  } finally {
    await server.stop()
  }
}

export function readCases(file: string): { readonly header: CaseHeader; readonly cases: readonly MaskCase[] } {
  const [header, ...cases] = readFileSync(path.join(folder, file), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)
  return { header: header as CaseHeader, cases: cases as MaskCase[] }
}

/** A masker as the policy `columns: [...]` with `redact` makes it. */
export function maskerOf(columns: readonly string[]): Masker {
  const rule: MaskRule = {
    name: 'pii',
    on: null,
    columns: columns.map(written => {
      const [schema = '', table = '', column = ''] = written.split('.')
      return { schema, table, column }
    }),
    patterns: [],
    fields: [],
    with: { kind: 'redact' },
    unless: [],
    inference: 'allow',
  }
  return maskerFor([rule], Buffer.alloc(32, 7))(identity, {
    name: 'orders-db',
    protocol: 'postgres',
    host: '127.0.0.1',
    port: 1,
    user: null,
    credential: { scheme: 'env', source: 'env', path: 'X', params: {}, field: null, text: 'env://X' },
    tls: { mode: 'disable', ca: null },
    database: null,
    hostKeys: [],
    groups: [],
  })
}

async function play(server: PostgresServer, template: string, header: CaseHeader, one: MaskCase): Promise<CaseRow> {
  const database = `case_${one.id}`
  await server.query('postgres', `CREATE DATABASE ${database} TEMPLATE ${template}`)
  const gateway = await gatewayThat({
    target: { port: server.port, user: server.user, password: server.password, database },
    masker: maskerOf(header.masked_columns),
    engine: { maskDeskFor: resultMaskDeskFor },
  })
  let answers: readonly Message[]
  try {
    const client = await RawClient.logIn(gateway.login)
    try {
      answers = await runCase(client, one)
    } finally {
      client.close()
    }
  } finally {
    await gateway.stop()
    await server.query('postgres', `DROP DATABASE ${database} WITH (FORCE)`)
  }
  return judged(one, header, answers)
}

/** Plays one case on a client that is logged in; every message that came back. */
export async function runCase(client: RawClient, one: MaskCase): Promise<readonly Message[]> {
  const answers: Message[] = []
  for (const sql of one.pre ?? []) {
    client.send(writeQuery(sql))
    answers.push(...(await allUntilReady(client)))
  }
  if (one.protocol !== 'extended') {
    client.send(writeQuery(one.sql))
    answers.push(...(await allUntilReady(client)))
    return answers
  }
  const bind = bindOf(one.mode?.includes('binary') === true ? 1 : 0)
  const describe = one.mode?.startsWith('describe') === true ? [writeDescribe('portal', '')] : []
  client.send(writeParse('s', one.sql), bind, ...describe, writeExecute(''), sync)
  answers.push(...(await allUntilReady(client)))
  if (one.mode?.includes('cached') === true) {
    client.send(bind, writeExecute(''), sync)
    answers.push(...(await allUntilReady(client)))
  }
  return answers
}

const sync = message(frontend.sync, [])

/** Bind: string portal | string statement | int16 formats | int16 values | int16 result formats | int16 format. */
function bindOf(format: 0 | 1): Buffer {
  return message(frontend.bind, ['', 's', int16(0), int16(0), int16(1), int16(format)])
}

/** Everything, notices and settings too: each is a way out. */
async function allUntilReady(client: RawClient): Promise<readonly Message[]> {
  const messages: Message[] = []
  for (;;) {
    const message = await client.next()
    messages.push(message)
    if (message.type === 'Z') return messages
  }
}

function judged(one: MaskCase, header: CaseHeader, answers: readonly Message[]): CaseRow {
  const bytes = Buffer.concat(answers.map(message => message.bytes))
  const forbidden = one.must_not_appear === '*canaries' ? header.canaries : (one.must_not_appear ?? header.canaries)
  const binary = (one.must_not_appear_hex ?? []).map(hex => Buffer.from(hex, 'hex'))
  const seen = answers.find(
    message => forbidden.some(canary => holds(message.bytes, canary)) || binary.some(value => message.bytes.includes(value)),
  )
  const error = answers.find(message => message.type === 'E')
  const state = error === undefined ? null : (fieldsOf(error.bytes).get('C') ?? '')
  const words = error === undefined ? '' : (fieldsOf(error.bytes).get('M') ?? '')
  const isRefused = words.startsWith('sallyport:')
  const note = `${one.technique}${words === '' ? '' : `: ${words}`}`
  const got = seen !== undefined ? `leaked in ${seen.type}` : isRefused ? 'refused' : state === null ? 'answered' : `error ${state}`
  switch (one.kind) {
    case 'leak':
    case 'derived':
    case 'maybe':
      return {
        id: one.id,
        expected: 'no canary',
        got: seen === undefined && got === 'answered' ? 'masked' : got,
        ok: seen === undefined,
        note,
      }
    case 'inference':
      return { id: one.id, expected: 'no canary (inference)', got, ok: seen === undefined, note }
    case 'control-pass': {
      const isIntact = (one.must_appear ?? []).every(text => bytes.includes(text)) && seen === undefined
      return {
        id: one.id,
        expected: 'passes intact',
        got: isIntact && error === undefined ? 'passed' : got,
        ok: isIntact && error === undefined,
        note,
      }
    }
    case 'control-pass-or-policy':
      return { id: one.id, expected: 'passes or policy', got, ok: seen === undefined, note }
    case 'control-noleak': {
      const isSame = state !== null && !isRefused && (one.sqlstate === undefined || one.sqlstate === state)
      return { id: one.id, expected: 'the error arrives', got, ok: isSame && seen === undefined, note }
    }
  }
}

/** As text in any case, backwards, as hex, as base64: forms that anybody reads back. */
export function holds(bytes: Buffer, canary: string): boolean {
  const text = bytes.toString('latin1').toLowerCase()
  const plain = canary.toLowerCase()
  const forms = [plain, Array.from(plain).toReversed().join(''), Buffer.from(canary).toString('hex')]
  return forms.some(form => text.includes(form)) || bytes.includes(Buffer.from(canary).toString('base64').replace(/=+$/, '').slice(0, -2))
}
