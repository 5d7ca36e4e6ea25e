import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { clientEnvironment, type PostgresDoor } from '../../gateway/control/client-environment.ts'
import { writeClientFiles } from '../../gateway/control/client-files.ts'

function door(changes: Partial<PostgresDoor> = {}): PostgresDoor {
  return { protocol: 'postgres', name: 'orders-db', port: 40_001, ticket: 'a/ticket', user: 'ci', database: 'orders', ...changes }
}

describe('what the clients of a job get', () => {
  it('sets the variables of psql for a single connection, on 127.0.0.1', () => {
    const { environment } = clientEnvironment([door()], '/run/c')
    assert.deepEqual(environment, {
      SALLYPORT_ORDERS_DB_URL: 'postgresql://ci:a%2Fticket@127.0.0.1:40001/orders?sslmode=disable',
      PGSERVICEFILE: '/run/c/pg_service.conf',
      PGHOST: '127.0.0.1',
      PGPORT: '40001',
      PGUSER: 'ci',
      PGPASSWORD: 'a/ticket',
      PGDATABASE: 'orders',
      PGSSLMODE: 'disable',
      DATABASE_URL: 'postgresql://ci:a%2Fticket@127.0.0.1:40001/orders?sslmode=disable',
    })
  })

  it('points no client anywhere by accident when there are two', () => {
    const { environment, files } = clientEnvironment([door(), door({ name: 'audit', port: 40_002 })], '/run/c')
    assert.deepEqual(Object.keys(environment).toSorted(), ['PGSERVICEFILE', 'SALLYPORT_AUDIT_URL', 'SALLYPORT_ORDERS_DB_URL'])
    assert.equal(
      files[0]?.text,
      '[orders-db]\nhost=127.0.0.1\nport=40001\nuser=ci\npassword=a/ticket\ndbname=orders\nsslmode=disable\n\n[audit]\nhost=127.0.0.1\nport=40002\nuser=ci\npassword=a/ticket\ndbname=orders\nsslmode=disable\n',
    )
  })

  it('hides a ticket in both forms it is written in', () => {
    assert.deepEqual(clientEnvironment([door()], '/run/c').hide, ['a/ticket', 'a%2Fticket'])
  })

  it('refuses two names that share a variable, and names that would break out of the service file', () => {
    assert.throws(() => clientEnvironment([door({ name: 'a-b' }), door({ name: 'a_b' })], '/run/c'), /share the variable SALLYPORT_A_B_URL/)
    assert.throws(() => clientEnvironment([door({ user: 'ci\nhost=evil' })], '/run/c'), { code: 'POLICY_INVALID' })
  })
})

describe('client files', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sallyport-files-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('are readable by their owner only, and never written twice', () => {
    writeClientFiles(folder, [{ path: 'ssh/config', text: 'x' }], null)
    assert.equal(statSync(path.join(folder, 'ssh/config')).mode & 0o777, 0o600)
    assert.throws(() => writeClientFiles(folder, [{ path: 'ssh/config', text: 'y' }], null), { code: 'UNREADABLE' })
    assert.equal(readFileSync(path.join(folder, 'ssh/config'), 'utf8'), 'x')
  })

  it('follow no link and leave no folder', () => {
    symlinkSync(path.join(folder, 'target'), path.join(folder, 'link'))
    assert.throws(() => writeClientFiles(folder, [{ path: 'link', text: 'x' }], null), { code: 'UNREADABLE' })
    assert.throws(() => statSync(path.join(folder, 'target')))
    for (const name of ['../out', '/etc/out', 'a/../../out']) {
      assert.throws(() => writeClientFiles(folder, [{ path: name, text: 'x' }], null), { code: 'PROTOCOL_VIOLATION' })
    }
  })
})
