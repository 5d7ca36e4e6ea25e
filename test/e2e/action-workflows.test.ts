// The project's own workflows, as files: whatever they use is pinned, and they may do what they must and no more.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'

interface Workflow {
  readonly permissions: unknown
  readonly jobs: Record<
    string,
    { readonly permissions: Record<string, string>; readonly steps: { uses?: string; run?: string; with?: Record<string, unknown> }[] }
  >
}

const root = path.resolve(import.meta.dirname, '../..')
const folder = path.join(root, '.github/workflows')
const files = readdirSync(folder).toSorted()

/** Everything beyond reading that a job may have, and why it needs it: see the workflow. */
const writes: Readonly<Record<string, readonly string[]>> = {
  'codeql.yml analyze': ['security-events'],
  'scorecard.yml scorecard': ['id-token', 'security-events'],
  'release.yml build': ['attestations', 'id-token'],
  'release.yml publish': ['contents'],
}

describe('workflows of the project', () => {
  it('are these four', () => assert.deepEqual(files, ['ci.yml', 'codeql.yml', 'release.yml', 'scorecard.yml']))

  for (const file of files) {
    const text = readFileSync(path.join(folder, file), 'utf8')
    const workflow = parse(text) as Workflow

    it(`${file} pins every action by commit, with its version beside it`, () => {
      const uses = text.split('\n').filter(line => /^\s*-?\s*uses:/.test(line))
      const used = Object.values(workflow.jobs).flatMap(job => job.steps.flatMap(step => step.uses ?? []))
      assert.equal(uses.length, used.length)
      for (const line of uses) assert.match(line, /uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    })

    it(`${file} grants nothing to the whole, and to each job only what it needs`, () => {
      assert.deepEqual(workflow.permissions, {})
      for (const [name, job] of Object.entries(workflow.jobs)) {
        assert.ok(job.permissions, `${name} says what it may do`)
        const written = Object.entries(job.permissions).filter(([, level]) => level === 'write')
        assert.deepEqual(written.map(([scope]) => scope).toSorted(), writes[`${file} ${name}`] ?? [])
      }
    })

    it(`${file} leaves no token in a checkout and puts no expression into a script`, () => {
      assert.doesNotMatch(text, /pull_request_target/)
      for (const { steps } of Object.values(workflow.jobs)) {
        for (const step of steps) {
          assert.doesNotMatch(step.run ?? '', /\$\{\{/)
          if (step.uses?.startsWith('actions/checkout@') === true) assert.equal(step.with?.['persist-credentials'], false)
        }
      }
    })
  }

  it('run the same CI as everybody', () => {
    assert.match(readFileSync(path.join(folder, 'ci.yml'), 'utf8'), /run: \.ci\/run/)
    assert.notEqual(statSync(path.join(root, '.ci/run')).mode & 0o111, 0)
  })
})

describe('action.yml', () => {
  const action = parse(readFileSync(path.join(root, 'action.yml'), 'utf8')) as {
    inputs: Record<string, { description?: string; default?: unknown }>
    outputs: Record<string, { description?: string }>
    runs: Record<string, string>
  }

  it('has the inputs and outputs that people rely on, each described and with a default', () => {
    assert.deepEqual(
      Object.keys(action.inputs).toSorted(),
      'artifact-name attest audience config connections export-env fail-on gateway-url github-token isolation pull-request retention-days'.split(
        ' ',
      ),
    )
    assert.deepEqual(Object.keys(action.outputs).toSorted(), ['connections', 'key', 'run'])
    for (const [name, input] of Object.entries(action.inputs)) {
      assert.ok(input.description, name)
      assert.equal(typeof input.default, 'string', name)
    }
    assert.equal(action.inputs['isolation']?.default, 'user')
    assert.equal(action.inputs['github-token']?.default, '${{ github.token }}')
  })

  it('runs the bundles on node24, and post whatever happened', () => {
    assert.deepEqual(action.runs, { using: 'node24', main: 'dist/main.mjs', post: 'dist/post.mjs', 'post-if': 'always()' })
  })
})
