// The Action's main and post as bundles, in the world's runner, against a small gateway: what they tell the job, and what they do not.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { runWorkflow, type JobRun, type RunOptions } from '../../world/runner/runner.ts'
import { makeSmallAction, services } from '../control/small-action.ts'

let action: string
before(async () => {
  action = await makeSmallAction()
})
after(() => rmSync(action, { recursive: true, force: true }))

async function run(steps: string, more: Partial<RunOptions> = {}): Promise<JobRun> {
  const job = await runWorkflow({ workflow: steps, action, services, ...more })
  job.remove()
  return job
}

const guard = `{ id: guard, uses: acme/sallyport@v1, with: { isolation: none }, env: { DB_PASSWORD: canary-7261 } }`

describe('the Action', () => {
  it('gives the job its endpoint by variables, a service file and outputs', async () => {
    const job = await run(`
- ${guard}
- run: echo "$PGHOST $PGPORT $PGUSER $PGDATABASE $PGSSLMODE"; echo "$DATABASE_URL"; stat -c %a "$PGSERVICEFILE"; head -2 "$PGSERVICEFILE"
- run: echo '\${{ steps.guard.outputs.connections }}' '\${{ steps.guard.outputs.run }}' '\${{ steps.guard.outputs.key }}'
`)
    assert.equal(job.conclusion, 'success', job.log)
    assert.deepEqual(job.steps[1]?.log, [
      '127.0.0.1 5432 ci orders disable',
      'postgresql://ci:***@127.0.0.1:5432/orders?sslmode=disable',
      '600',
      '[orders-db]',
      'host=127.0.0.1',
    ])
    assert.match(
      job.steps[2]?.log[0] ?? '',
      /^\{"orders-db":\{"protocol":"postgres","host":"127\.0\.0\.1","port":5432,"url":"postgresql:.*"\}\} run-1 sallyport\+00000000\+AAAA$/,
    )
    assert.deepEqual(job.orphans, [])
  })

  it('prints the recording key before any other step, and hides the ticket', async () => {
    const job = await run(`[${guard}, { run: 'echo $PGPASSWORD' }]`)
    assert.match(job.steps[0]?.log.join('\n') ?? '', /recording key sallyport\+00000000\+AAAA/)
    assert.deepEqual(job.steps[1]?.log, ['***'])
    assert.ok(job.masks.has('ticket-of-this-run'))
  })

  it('takes what env:// named away from the steps that follow', async () => {
    const job = await run(
      `{ env: { DB_PASSWORD: canary-7261 }, jobs: { build: { steps: [{ uses: a/b@v1, with: { isolation: none } }, { run: 'echo "[$DB_PASSWORD]"' }] } } }`,
    )
    assert.deepEqual(job.steps[1]?.log, ['[]'])
  })

  it('keeps no credential and no authority in its state', async () => {
    const job = await run(`[${guard}]`)
    const [state] = job.states
    assert.deepEqual(Object.keys(state ?? {}), ['gateway'])
    const kept: unknown = JSON.parse(state?.['gateway'] ?? '')
    assert.deepEqual(Object.keys(Object(kept) as object).toSorted(), ['key', 'leftIn', 'pid', 'port', 'run', 'secret'])
    assert.doesNotMatch(JSON.stringify([job.states, job.environment, job.rawLog]), /canary-7261|ghs_token/)
  })

  it('ends the gateway in post, prints what it answers and writes the summary', async () => {
    const job = await run(`[${guard}]`)
    const post = job.steps.at(-1)
    assert.match(post?.log.join('\n') ?? '', /sallyport: sealed run-1/)
    assert.match(post?.summary ?? '', /### Sallyport: 2 allowed/)
    assert.deepEqual(post?.annotations, [
      { level: 'notice', title: 'sallyport', message: 'recording: https://github.com/acme/shop/actions/runs/1/artifacts/7' },
    ])
    assert.deepEqual(job.orphans, [])
  })

  it('sets no variables with export-env false, but keeps the outputs', async () => {
    const job = await run(`[{ uses: a/b@v1, with: { isolation: none, export-env: false } }, { run: 'echo "[$PGHOST][$DATABASE_URL]"' }]`)
    assert.deepEqual(job.steps[1]?.log, ['[][]'])
    assert.deepEqual(Object.keys(job.steps[0]?.outputs ?? {}), ['run', 'key', 'connections'])
  })

  it('fails the job for refused commands only when fail-on says so', async () => {
    const machine = { DENIED: '2' }
    const never = await run(`[${guard}]`, { machine })
    assert.equal(never.conclusion, 'success')
    assert.match(never.log, /2 commands did not run/)
    const denied = await run(`[{ uses: a/b@v1, with: { isolation: none, fail-on: denied } }]`, { machine })
    assert.equal(denied.conclusion, 'failure')
    assert.match(denied.log, /SALLYPORT-E22 2 commands were refused/)
    assert.equal((await run(`[{ uses: a/b@v1, with: { isolation: none, fail-on: denied } }]`)).conclusion, 'success')
  })

  it('says what, why and what to do when the gateway refuses, and post has nothing to do', async () => {
    const job = await run(`[{ uses: a/b@v1, with: { isolation: none, audience: refuse } }]`)
    assert.equal(job.conclusion, 'failure')
    assert.equal(job.steps[0]?.annotations[0]?.message, 'SALLYPORT-E16 unknown key `rulez`\nwhy: a reason\nfix: a way out')
    assert.equal(job.steps[1]?.outcome, 'success')
    assert.match(job.steps[1]?.log.join() ?? '', /nothing to finish/)
  })

  it('fails the job when the gateway was killed, and says that the recording has no end', async () => {
    const job = await run(
      `[${guard}, { run: 'pkill -KILL -f ${action}/dist/gateway.mjs; while pgrep -f ${action}/dist/gateway.mjs; do sleep 0.05; done' }]`,
    )
    assert.equal(job.conclusion, 'failure')
    const post = job.steps.at(-1)
    assert.match(post?.annotations[0]?.message ?? '', /^SALLYPORT-E31 the gateway is gone/)
    assert.match(post?.summary ?? '', /the gateway was lost/)
  })

  it('gives up on a start that is cancelled, and leaves nothing running', async () => {
    const cancel = new AbortController()
    const gatewayIsThere = (): boolean => spawnSync('pgrep', ['-f', `${action}/dist/gateway.mjs`]).status === 0
    const timer = setInterval(() => gatewayIsThere() && cancel.abort(), 50)
    const job = await run(`[{ uses: a/b@v1, with: { isolation: none, audience: silent } }]`, { cancel: cancel.signal })
    clearInterval(timer)
    assert.equal(job.conclusion, 'cancelled')
    assert.deepEqual(job.orphans, [])
  })

  it('refuses to run for a fork, before anything is started', async () => {
    const event = { pull_request: { base: { repo: { full_name: 'acme/shop' } }, head: { repo: { full_name: 'mallory/shop' } } } }
    const job = await run(`[${guard}]`, { event })
    assert.match(job.steps[0]?.annotations[0]?.message ?? '', /^SALLYPORT-E02 this run comes from a fork\nwhy: .*\nfix: /)
    const gone = await run(`[${guard}]`, { event: { pull_request: { base: { repo: { full_name: 'acme/shop' } }, head: { repo: null } } } })
    assert.match(gone.log, /SALLYPORT-E02/)
  })

  it('says which permission is missing when there is no identity token', async () => {
    const job = await run(`[${guard}]`, { services: { ...services, idToken: null } })
    assert.match(job.steps[0]?.annotations[0]?.message ?? '', /^SALLYPORT-E01 .*\nwhy: .*id-token: write.*\nfix: add to the job/)
  })

  it('explains itself when a step asks for another user without isolation', async () => {
    const job = await run(`[${guard}, { shell: 'sallyport {0}', run: 'id -un' }]`)
    assert.equal(job.steps[1]?.status, 125)
    assert.match(job.steps[1]?.log.join('\n') ?? '', /SALLYPORT-E18 .*isolation: user/)
  })

  it(
    'refuses isolation: user for a job that is root, instead of doing less',
    { skip: process.getuid?.() !== 0 && 'needs root' },
    async () => {
      const job = await run(`[{ uses: a/b@v1 }]`)
      assert.match(job.steps[0]?.annotations[0]?.message ?? '', /^SALLYPORT-E18 .*the job itself runs as root/)
      assert.deepEqual(job.environment, {})
    },
  )

  it('keeps each bundle small', () => {
    for (const name of ['main.mjs', 'post.mjs']) assert.ok(readFileSync(path.join(action, 'dist', name)).length < 4e6, name)
  })
})
