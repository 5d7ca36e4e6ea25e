// A database with a table `t` for the tests of a file, and sessions of one client each through a gateway of their own.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { startPostgres } from '../../../world/postgres/server.ts'
import type { PostgresServer } from '../../../world/postgres/server.ts'
import { gatewayThat } from './gateway-that.ts'
import type { GatewaySettings, TestGateway } from './gateway-that.ts'
import { RawClient } from './raw-client.ts'

export interface SessionStage {
  readonly server: PostgresServer
  readonly database: string
  /** Of the session that is open. */
  readonly gateway: TestGateway
  /** Opens a session, acts in it, ends it. Afterwards `t` must hold so many rows: as many as at first, when left out. */
  session(act: (client: RawClient) => Promise<void>, rows?: number): Promise<void>
}

/** To be called in a `describe`: the server lives as long as that. @param rows that `t` has at first, and again after each session. */
export function sessionStage(schema: string, rows: number, settings: Pick<GatewaySettings, 'decide'> = {}): SessionStage {
  let server: PostgresServer
  let database: string
  let gateway: TestGateway
  before(async () => {
    server = await startPostgres()
    database = await server.createDatabase(`CREATE TABLE t(id int); INSERT INTO t SELECT generate_series(1, ${rows}); ${schema}`)
  })
  after(() => server.stop())
  return {
    get server() {
      return server
    },
    get database() {
      return database
    },
    get gateway() {
      return gateway
    },
    async session(act, wanted = rows) {
      gateway = await gatewayThat({ target: { port: server.port, user: server.user, password: server.password, database }, ...settings })
      const client = await RawClient.logIn(gateway.login)
      try {
        await act(client)
      } finally {
        client.close()
        await gateway.stop()
      }
      assert.deepEqual(await server.query(database, 'SELECT count(*) FROM t'), [[`${wanted}`]])
      if (wanted !== rows) await server.query(database, `TRUNCATE t; INSERT INTO t SELECT generate_series(1, ${rows})`)
    },
  }
}
