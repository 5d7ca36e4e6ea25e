// What the Action says of a role that sees past the masks: in its log at the start, and in the step summary at the end.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { JobRun } from '../../world/runner/runner.ts'
import { openActionStage, type ActionStage } from './action-stage.ts'

const GRANT = 'REVOKE pg_read_all_data FROM ci; GRANT SELECT (id, name) ON public.customers TO ci'

describe('the Action on a role that sees past the masks', () => {
  let stage: ActionStage
  before(async () => {
    stage = await openActionStage()
  })
  after(() => stage.close())

  async function ran(): Promise<JobRun> {
    const job = await stage.run(WORKFLOW)
    job.remove()
    assert.equal(job.conclusion, 'success', job.log)
    return job
  }

  it('warns with the grants that close it, in its log and in the step summary, and goes on', async () => {
    await stage.postgres.query('postgres', 'GRANT pg_read_all_data TO ci')
    const job = await ran()
    assert.ok(job.log.includes(GRANT), job.log)
    const summary = job.steps.at(-1)?.summary ?? ''
    assert.match(summary, /\[!WARNING\]/)
    assert.ok(summary.includes(GRANT), summary)
  })

  it('says nothing of the kind once they are granted', async () => {
    await stage.postgres.query(stage.database, `${GRANT}; REVOKE SELECT ON customers FROM ci`)
    const job = await ran()
    assert.doesNotMatch(job.log, /weaker/)
    assert.doesNotMatch(job.steps.at(-1)?.summary ?? '', /WARNING|weaker/)
  })
})

const WORKFLOW = `
on: pull_request
jobs:
  migrate:
    permissions: { contents: read, id-token: write, pull-requests: write }
    steps:
      - name: guard
        uses: acme/sallyport@v1
        with: { isolation: none }
        env: { ORDERS_PASSWORD: "\${{ secrets.ORDERS_PASSWORD }}" }
      - run: echo "went on with $PGPORT"
`
