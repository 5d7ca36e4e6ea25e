import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readInputs } from '../../src/inputs.ts'
import { jobProcess } from '../../src/job-process.ts'
import { boundedSummary } from '../../src/summary.ts'

describe('inputs', () => {
  it('are their defaults when they arrive as empty strings', () => {
    const unset = Object.fromEntries(
      ['CONFIG', 'CONNECTIONS', 'ISOLATION', 'EXPORT-ENV', 'FAIL-ON', 'ATTEST', 'PULL-REQUEST'].map(name => [`INPUT_${name}`, '']),
    )
    const inputs = readInputs({ ...unset, GITHUB_JOB: 'build', GITHUB_RUN_ATTEMPT: '2' })
    assert.deepEqual(inputs, {
      config: '',
      connections: [],
      audience: '',
      githubToken: '',
      isolation: 'user',
      pullRequest: null,
      exportEnv: true,
      artifactName: 'sallyport-build-2',
      retentionDays: null,
      attest: false,
      failOn: 'never',
    })
  })

  it('takes names separated by lines, commas or spaces, each once', () => {
    assert.deepEqual(readInputs({ INPUT_CONNECTIONS: 'a, b\nc  a\n' }).connections, ['a', 'b', 'c'])
  })

  const wrong = [
    ['ISOLATION', 'remote'],
    ['EXPORT-ENV', 'yes'],
    ['PULL-REQUEST', '0'],
    ['PULL-REQUEST', '4 2'],
    ['RETENTION-DAYS', '-1'],
    ['FAIL-ON', 'always'],
    ['ARTIFACT-NAME', 'a/b'],
    ['GATEWAY-URL', 'https://gate.example'],
  ] as const
  for (const [name, value] of wrong) {
    it(`refuses ${name.toLowerCase()} ${JSON.stringify(value)} by name`, () => {
      assert.throws(() => readInputs({ [`INPUT_${name}`]: value }), { code: 'USAGE', message: new RegExp(name.toLowerCase()) })
    })
  }
})

describe('the process of a job', () => {
  it('is the worker of the runner of GitHub, however far above', () => {
    assert.equal(jobProcess(9, tree({ 9: ['sh', 8], 8: ['node', 7], 7: ['Runner.Worker', 6], 6: ['Runner.Listener', 1] })), 7)
  })

  it('is otherwise the first that does not end with the step', () => {
    assert.equal(jobProcess(9, tree({ 9: ['sh', 8], 8: ['sudo', 7], 7: ['other-runner', 1] })), 7)
  })

  it('is pid 1 in a container, where the parent is outside', () => {
    assert.equal(jobProcess(0, tree({})), 1)
  })
})

describe('the step summary', () => {
  it('is cut at a whole line below the bound', () => {
    const text = boundedSummary(`${'ä'.repeat(99)}\n`.repeat(3000))
    assert.ok(Buffer.byteLength(text) <= 200_000)
    assert.match(text, /ä{99}\n\nThe rest is in the recording\.\n$|ä{99}\n\n\nThe rest is in the recording\.\n$/)
    assert.equal(boundedSummary('short'), 'short\n')
  })
})

function tree(rows: Readonly<Record<number, readonly [string, number]>>): (pid: number) => { name: string; parent: number } | null {
  return pid => {
    const row = rows[pid]
    return row === undefined ? null : { name: row[0], parent: row[1] }
  }
}
