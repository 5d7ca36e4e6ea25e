// How a case's text is put to a server: the protocol's ways of running a statement, on one raw connection.
import { writeBind, writeDescribe, writeExecute, writeParse, writeQuery } from '../../gateway/wire/postgres/frontend-writer.ts'
import type { RawClient } from '../engine/postgres/raw-client.ts'
import { shortOf } from '../engine/postgres/raw-client.ts'

export interface SqlCase {
  readonly id: string
  readonly sql: string
  readonly sql_hex?: string
  readonly protocol: string
  readonly mode?: string
  readonly class: string
  readonly flag: boolean
  readonly soft?: boolean
  /** Major version of the first server that knows it. */
  readonly min_server?: number
  readonly note: string
  readonly params?: readonly string[]
  /** Sent before on the same connection. */
  readonly pre?: readonly string[]
  /** Run before by the superuser: what the database holds. */
  readonly setup?: readonly string[]
  readonly startup?: Readonly<Record<string, string>>
}

const sync = Buffer.from([0x53, 0, 0, 0, 4])
const flush = Buffer.from([0x48, 0, 0, 0, 4])
const copyDone = Buffer.from([0x63, 0, 0, 0, 4])

/** Sends the case and answers what came back, in short, up to the last ReadyForQuery that it is owed. */
export async function send(client: RawClient, one: SqlCase): Promise<string> {
  if (one.protocol === 'simple-bytes') {
    client.send(queryOf(Buffer.from(one.sql_hex ?? '', 'hex')))
    return simple(client)
  }
  if (one.protocol !== 'extended') {
    client.send(writeQuery(one.sql))
    return simple(client)
  }
  const values = (one.params ?? []).map(value => Buffer.from(value))
  const parse = writeParse('', one.sql)
  const run = [writeBind('', '', values), writeExecute('')]
  switch (one.mode ?? '') {
    case 'named-parse-now-execute-later':
      client.send(writeParse('n', one.sql), sync)
      await client.answer()
      client.send(writeBind('', 'n', values), writeExecute(''), sync)
      return client.answer()
    case 'pipeline-many-sync': {
      const other = [writeParse('', 'SELECT 1'), writeBind('', ''), writeExecute(''), sync]
      client.send(...other, parse, ...run, sync, ...other)
      return [await client.answer(), await client.answer(), await client.answer()].join(' ')
    }
    case 'portal-named':
      client.send(writeQuery('BEGIN'))
      await client.answer()
      client.send(parse, writeBind('p', '', values), sync)
      await client.answer()
      client.send(writeExecute('p'), sync)
      return [await client.answer(), await query(client, 'COMMIT')].join(' ')
    case 'sql-prepare-then-bind':
      await query(client, `PREPARE pz AS ${one.sql}`)
      client.send(writeBind('', 'pz'), writeExecute(''), sync)
      return client.answer()
    case 'flush-no-sync': {
      client.send(parse, ...run, flush)
      const first: string[] = []
      for (;;) {
        const message = await client.next()
        first.push(shortOf(message))
        if (message.type === 'C' || message.type === 'E') break
      }
      client.send(sync)
      return [...first, await client.answer()].join(' ')
    }
    case 'after-copy-in':
      client.send(writeQuery('COPY sink FROM STDIN'))
      await client.until('G')
      client.send(copyDone, writeQuery(one.sql))
      return [await client.answer(), await client.answer()].join(' ')
    case 'error-skip-until-sync':
      client.send(writeParse('', 'SELECT 1/0'), writeBind('', ''), writeExecute(''), parse, ...run, sync)
      return client.answer()
    case 'huge-comment':
      client.send(writeParse('', `/*${'x'.repeat(1 << 20)}*/ ${one.sql}`), ...run, sync)
      return client.answer()
    case 'parse-alone':
      client.send(parse, sync)
      return client.answer()
    case 'describe-alone':
      client.send(writeParse('n', one.sql), writeDescribe('statement', 'n'), sync)
      return client.answer()
    case 'bind-alone':
      client.send(parse, writeBind('', '', values), sync)
      return client.answer()
    case 'portal-then-path':
      await query(client, 'BEGIN')
      await query(client, 'SET LOCAL search_path = a1')
      client.send(parse, writeBind('p', '', values), sync)
      await client.answer()
      await query(client, 'SET LOCAL search_path = b1')
      client.send(writeExecute('p'), sync)
      return [await client.answer(), await query(client, 'COMMIT')].join(' ')
    case 'parse-bind-execute-sync':
      client.send(parse, ...run, sync)
      return client.answer()
    default:
      throw new Error(`${one.id}: the mode ${one.mode ?? ''} is not known`)
  }
}

/** A Query's answer; the server is told that there is nothing to copy when it asks. */
async function simple(client: RawClient): Promise<string> {
  const short: string[] = []
  for (;;) {
    const message = await client.next()
    if (message.type === 'G') client.send(copyDone)
    if (!'NSA'.includes(message.type)) short.push(shortOf(message))
    if (message.type === 'Z') return short.join(' ')
  }
}

async function query(client: RawClient, sql: string): Promise<string> {
  client.send(writeQuery(sql))
  return client.answer()
}

/** A Query message around bytes as they are. */
function queryOf(bytes: Buffer): Buffer {
  const message = Buffer.alloc(bytes.length + 6)
  message.write('Q', 0)
  message.writeInt32BE(bytes.length + 5, 1)
  bytes.copy(message, 5)
  return message
}
