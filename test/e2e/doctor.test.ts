// `sallyport doctor` against real parts: what is fine is said to be, what is broken is named by its number with what to do.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { openExecStage, type ExecStage } from './exec-stage.ts'

describe('sallyport doctor', () => {
  let stage: ExecStage
  before(async () => {
    stage = await openExecStage()
  })
  after(() => stage.close())
  beforeEach(() => stage.writePolicy())

  const doctor = (environment: Readonly<Record<string, string>> = {}): ReturnType<ExecStage['sallyport']> =>
    stage.sallyport(['doctor', '--config', `${stage.dir}/sallyport.yml`], { ORDERS_PASSWORD: stage.password, ...environment })

  it('passes a set-up that works', async () => {
    const ran = await doctor()
    assert.equal(ran.status, 0, ran.stdout)
    for (const id of ['E16', 'E20', 'E21', 'E07']) assert.match(ran.stdout, new RegExp(`^✓ ${id} `, 'm'))
    assert.ok(!ran.stdout.includes(stage.password))
  })

  it('names a credential that is not there', async () => {
    const ran = await doctor({ ORDERS_PASSWORD: '' })
    assert.equal(ran.status, 1)
    assert.match(ran.stdout, /^✗ E21 .*\n +fix: /m)
  })

  it('logs in where columns are masked, and says what the role sees past the masks, with the grants that close it', async () => {
    const fine = await doctor()
    assert.match(fine.stdout, /^✓ E26 {2}masks of orders-db: logged in/m)
    await stage.postgres.query('postgres', 'GRANT pg_read_all_data TO ci')
    const weak = await doctor()
    await stage.postgres.query('postgres', 'REVOKE pg_read_all_data FROM ci')
    assert.equal(weak.status, 0, weak.stdout)
    assert.match(weak.stdout, /^! E26 .*REVOKE pg_read_all_data FROM ci; GRANT SELECT \(id, name\) ON public\.customers TO ci$/m)
    assert.match(weak.stderr, /^all checks passed, 1 warning$/m)
  })

  it('names an issuer that cannot be read', async () => {
    stage.issuer.faults.discovery = 'down'
    const ran = await doctor()
    stage.issuer.faults.discovery = 'none'
    assert.equal(ran.status, 1)
    assert.match(ran.stdout, /^✗ E20 /m)
  })

  it('names a clock that differs from the issuer’s', async () => {
    stage.issuer.faults.clockSkewSec = 120
    const ran = await doctor()
    stage.issuer.faults.clockSkewSec = 0
    assert.match(ran.stdout, /^✗ E17 .*differs by 1[12]\d s/m)
  })

  it('names a job that may have no token, and a run of a fork', async () => {
    const ran = await doctor({ GITHUB_ACTIONS: 'true' })
    assert.equal(ran.status, 1)
    assert.match(ran.stdout, /^✗ E01 .*\n +fix: .*id-token: write/m)
  })

  it('names an endpoint of this job that does not answer', async () => {
    const ran = await doctor({ SALLYPORT_ORDERS_DB_URL: 'postgresql://ci:ticket@127.0.0.1:1/orders' })
    assert.equal(ran.status, 1)
    assert.match(ran.stdout, /^✗ E15 .*127\.0\.0\.1:1 does not answer/m)
    assert.ok(!ran.stdout.includes('ticket@'))
  })

  it('says the same to programs', async () => {
    const ran = await stage.sallyport(['doctor', '--config', `${stage.dir}/missing.yml`, '--json'])
    assert.equal(ran.status, 1)
    const { schema, findings } = JSON.parse(ran.stdout) as { schema: string; findings: { id: string; state: string }[] }
    assert.equal(schema, 'sallyport-doctor/1')
    assert.ok(findings.some(({ id, state }) => id === 'E33' && state === 'bad'))
  })
})
