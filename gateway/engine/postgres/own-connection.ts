// A short connection of the gateway's own to a target: simple queries, text rows, nothing else.
import { SallyportError } from '../../core/errors.ts'
import { readDataRow, readFields } from '../../wire/postgres/backend.ts'
import { terminateMessage, writeQuery } from '../../wire/postgres/frontend-writer.ts'
import { Framer } from '../../wire/postgres/framer.ts'
import { backend } from '../../wire/postgres/message-type.ts'
import { openTarget } from './target.ts'
import type { TargetRequest } from './target.ts'

/** One row of a catalog: a function's body is the longest cell. */
const MAX_ROW_BYTES = 16 * 1024 * 1024

export type OwnQuery = (sql: string) => Promise<(string | null)[][]>

/** Opens a connection, gives it to `work`, closes it whatever happens. */
export async function withOwnConnection<T>(request: TargetRequest, work: (query: OwnQuery) => Promise<T>): Promise<T> {
  const target = await openTarget(request)
  let rows: (string | null)[][] = []
  let failure: string | null = null
  let settle: ((error: Error | null) => void) | null = null
  const framer = new Framer(
    {
      wantsWhole: () => true,
      onPiece: () => {},
      onMessage: (type, bytes, start, end) => {
        if (type === backend.dataRow) rows.push(readDataRow(bytes, start, end).map(cell => cell?.toString('utf8') ?? null))
        else if (type === backend.errorResponse) failure = readFields(bytes, start, end).get('C') ?? 'XX000'
        else if (type === backend.readyForQuery) settle?.(failure === null ? null : lost(request, failure))
      },
    },
    MAX_ROW_BYTES,
  )
  const end = (): void => settle?.(lost(request, 'the connection was closed'))
  target.socket.stream.on('close', end)
  request.signal.addEventListener('abort', end, { once: true })
  target.socket.read(bytes => {
    try {
      framer.push(bytes)
    } catch (error) {
      settle?.(error instanceof Error ? error : lost(request, 'unreadable'))
      target.socket.destroy()
    }
    return true
  })
  try {
    return await work(async sql => {
      rows = []
      failure = null
      await new Promise<void>((resolve, reject) => {
        settle = error => (error === null ? resolve() : reject(error))
        if (target.socket.stream.destroyed || request.signal.aborted) end()
        else target.socket.write(writeQuery(sql))
      })
      settle = null
      return rows
    })
  } finally {
    request.signal.removeEventListener('abort', end)
    target.socket.stream.off('close', end)
    target.socket.stream.end(terminateMessage)
    target.socket.stream.once('finish', () => target.socket.destroy())
  }
}

function lost(request: TargetRequest, why: string): SallyportError {
  return new SallyportError('TARGET_UNREACHABLE', `the catalog of ${request.connection.name} cannot be read (${why})`)
}
