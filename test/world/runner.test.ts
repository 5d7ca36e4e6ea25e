import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { services } from '../control/small-action.ts'
import { readPairs } from '../../world/runner/file-commands.ts'
import { runWorkflow, type JobRun, type RunOptions } from '../../world/runner/runner.ts'

/** An action that shows what a step sees and uses every way to speak to the runner. */
const actionFolder = mkdtempSync(path.join(tmpdir(), 'world-action-'))
after(() => rmSync(actionFolder, { recursive: true, force: true }))
writeFileSync(
  path.join(actionFolder, 'action.yml'),
  `
inputs:
  who: { description: w, default: nobody }
  github-token: { description: t, default: '\${{ github.token }}' }
  fail: { description: f, default: '' }
runs: { using: node24, main: main.mjs, post: post.mjs, post-if: always() }
`,
)
writeFileSync(
  path.join(actionFolder, 'main.mjs'),
  `
import { appendFileSync } from 'node:fs'
const { env } = process
appendFileSync(env.GITHUB_ENV, 'FROM_ACTION<<END\\ntwo\\nlines\\nEND\\n')
appendFileSync(env.GITHUB_OUTPUT, 'who=' + env.INPUT_WHO + '\\n')
appendFileSync(env.GITHUB_STATE, 'left=' + env.INPUT_WHO + '\\n')
appendFileSync(env.GITHUB_PATH, '/opt/from-action\\n')
appendFileSync(env.GITHUB_STEP_SUMMARY, '### done\\n')
console.log('::add-mask::hunter2')
console.log('main token=' + env['INPUT_GITHUB-TOKEN'] + ' runtime=' + (env.ACTIONS_RUNTIME_TOKEN !== undefined) + ' secret hunter2')
console.log('::warning title=careful::50%25 %0A done')
if (env.INPUT_FAIL === 'yes') process.exit(1)
`,
)
writeFileSync(path.join(actionFolder, 'post.mjs'), `console.log('post of ' + process.env.STATE_left + ' with ' + process.env.INPUT_WHO)\n`)

async function run(workflow: string, more: Partial<RunOptions> = {}): Promise<JobRun> {
  const job = await runWorkflow({ workflow, action: actionFolder, services, ...more })
  job.remove()
  return job
}

describe('the runner of the world', () => {
  it('hands inputs with their defaults to an action, and its variables, paths and outputs to later steps', async () => {
    const job = await run(`
- { id: first, uses: acme/act@v1, with: { who: sam } }
- { run: 'echo "env=$FROM_ACTION"; echo "path=$PATH"; echo "out=\${{ steps.first.outputs.who }}"' }
`)
    assert.equal(job.conclusion, 'success')
    assert.match(job.log, /env=two\nlines\n/)
    assert.match(job.log, /path=\/opt\/from-action:/)
    assert.match(job.log, /out=sam/)
    assert.equal(job.steps[0]?.summary, '### done\n')
    assert.deepEqual(job.steps[0]?.annotations, [{ level: 'warning', title: 'careful', message: '50% \n done' }])
  })

  it('hides masked values and the tokens it knows, and keeps what was printed for tests', async () => {
    const job = await run(`[{ uses: acme/act@v1 }, { run: 'echo ghs_token-of-the-job hunter2' }]`)
    assert.doesNotMatch(job.log, /hunter2|ghs_token/)
    assert.match(job.log, /main token=\*\*\* runtime=true secret \*\*\*/)
    assert.match(job.rawLog, /ghs_token-of-the-job hunter2/)
  })

  it('gives scripts the request for identity tokens, but not the rest of its access', async () => {
    const job = await run(`[{ run: 'env | grep ^ACTIONS_ | cut -d= -f1 | sort' }]`)
    assert.deepEqual(job.steps[0]?.log, ['ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'ACTIONS_ID_TOKEN_REQUEST_URL'])
    const without = await run(`[{ run: 'env | grep ^ACTIONS_ || echo none' }]`, { services: { ...services, idToken: null } })
    assert.deepEqual(without.steps[0]?.log, ['none'])
  })

  it('runs post steps in reverse order with the state of their own main, also after failures', async () => {
    const job = await run(`
- { uses: acme/act@v1, with: { who: one } }
- { uses: acme/act@v1, with: { who: two, fail: 'yes' } }
- { run: echo never }
- { if: failure(), run: echo rescue }
`)
    assert.equal(job.conclusion, 'failure')
    assert.deepEqual(
      job.steps.map(({ outcome }) => outcome),
      ['success', 'failure', 'skipped', 'success', 'success', 'success'],
    )
    assert.deepEqual(job.log.split('\n').slice(-3), ['rescue', 'post of two with two', 'post of one with one'])
    assert.doesNotMatch(job.log, /never/)
  })

  it('shows no state to scripts, and leaves no file of a step behind', async () => {
    const job = await run(
      `[{ uses: acme/act@v1 }, { run: 'env | grep -c ^STATE_ || true; ls "$RUNNER_TEMP/_runner_file_commands" | wc -l' }]`,
    )
    assert.deepEqual(job.steps[1]?.log, ['0', '5'])
  })

  it('refuses NODE_OPTIONS for later steps, and nothing else', async () => {
    const job = await run(
      `[{ run: 'echo NODE_OPTIONS=--inspect >> $GITHUB_ENV; echo LD_PRELOAD_X=1 >> $GITHUB_ENV', continue-on-error: true }]`,
    )
    assert.deepEqual(job.environment, { LD_PRELOAD_X: '1' })
    assert.equal(job.steps[0]?.outcome, 'failure')
    assert.equal(job.conclusion, 'success')
  })

  it('starts a shell of its own with the script, found by the path that earlier steps set', async () => {
    const job = await run(`
- run: |
    mkdir bin && printf '#!/bin/sh\\necho mine; cat "$1"' > bin/mine && chmod +x bin/mine && echo "$PWD/bin" >> $GITHUB_PATH
- { run: the script, shell: 'mine {0}' }
`)
    assert.deepEqual(job.steps[1]?.log, ['mine', 'the script'])
  })

  it('cancels with SIGINT, then SIGTERM, and still runs post steps', async () => {
    const cancel = new AbortController()
    const job = await run(
      `
- { uses: acme/act@v1 }
- { shell: 'bash {0}', run: 'trap "echo got int" INT; trap "echo got term; exit 3" TERM; echo waiting; while true; do sleep 0.05; done' }
- { run: echo never }
`,
      { cancel: cancel.signal, timeScale: 0.02, onLine: line => line === 'waiting' && cancel.abort() },
    )
    assert.equal(job.conclusion, 'cancelled')
    assert.deepEqual(
      job.steps[1]?.log.filter(line => line !== 'Terminated'),
      ['waiting', 'got int', 'got term'],
    )
    assert.equal(job.steps[2]?.outcome, 'skipped')
    assert.match(job.log, /post of nobody/)
  })

  it('ends what the job leaves running, unless it left the tracking variable behind', async () => {
    const job = await run(`
- run: |
    setsid sleep 600 > /dev/null 2>&1 &
    until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.01; done
`)
    assert.deepEqual(job.orphans, ['sleep 600'])
  })

  it('stops reading commands between stop-commands and its token', async () => {
    const job = await run(`[{ run: 'echo ::stop-commands::tok; echo ::add-mask::shown; echo ::tok::; echo shown' }]`)
    assert.deepEqual(job.steps[0]?.log, ['::add-mask::shown', 'shown'])
  })

  it('refuses expressions, step keys and further jobs that it does not know', async () => {
    await assert.rejects(run(`[{ run: 'echo \${{ contains(1, 2) }}' }]`), /does not know the expression/)
    await assert.rejects(run(`[{ run: x, timeout-minutes: 3 }]`), /timeout-minutes/)
    await assert.rejects(run(`jobs: { a: { steps: [] }, b: { steps: [] } }`), /exactly one job/)
  })
})

describe('environment files', () => {
  it('reads pairs and heredocs, and refuses what has neither', () => {
    assert.deepEqual(
      [...readPairs('a=1\nb<<E=F\nx=y\n<<\nE=F\nc==\n')],
      [
        ['a', '1'],
        ['b', 'x=y\n<<'],
        ['c', '='],
      ],
    )
    for (const bad of ['nothing', 'a<<END\nopen', '=x', '<<END\nx\nEND']) assert.throws(() => readPairs(bad), bad)
  })

  it('knows the action.yml of this repository', () => {
    assert.match(readFileSync(path.join(import.meta.dirname, '../../action.yml'), 'utf8'), /using: node24/)
  })
})
