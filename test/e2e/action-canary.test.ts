import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openZip } from '../../gateway/record/zip-source.ts'
import type { JobRun } from '../../world/runner/runner.ts'
import { makeJobUser, noUsersHere, turnAtUsers, type JobUser } from '../control/isolated-job.ts'
import { isZip, nextCode, openActionStage, searchProgram, type ActionStage } from './action-stage.ts'

const hasPsql = (() => {
  try {
    return execFileSync('psql', ['--version']).length > 0
  } catch {
    return false
  }
})()

describe('a workflow that uses the Action', { skip: hasPsql ? false : 'psql is missing' }, () => {
  let stage: ActionStage
  before(async () => {
    stage = await openActionStage()
  })
  after(() => stage.close())

  for (const isolation of ['none', 'user'] as const) {
    describe(`with isolation ${isolation}`, { skip: isolation === 'user' ? noUsersHere : false }, () => {
      let user: JobUser | null = null
      let leave = (): void => undefined
      let job: JobRun
      let artifact: Buffer
      let page: Buffer
      before(async () => {
        if (isolation === 'user') leave = await turnAtUsers()
        user = isolation === 'user' ? makeJobUser(true) : null
        const isOver = new AbortController()
        const known = new Set(stage.shop.pull.comments.flatMap(({ body }) => /approve (\S{9})/.exec(body)?.[1] ?? []))
        const before = stage.shop.github.artifacts.finished.length
        const approval = nextCode(stage.shop, known, isOver.signal).then(code => {
          if (code !== null) stage.shop.say(stage.shop.people.dana, `/sallyport approve ${code}`)
        })
        job = await stage.run(workflowOf(isolation, stage.canary), { user })
        isOver.abort()
        await approval
        const artifacts = stage.shop.github.artifacts.finished.slice(before).map(({ bytes }) => bytes)
        artifact = artifacts.find(bytes => isZip(bytes)) ?? Buffer.alloc(0)
        page = artifacts.find(bytes => !isZip(bytes)) ?? Buffer.alloc(0)
      })
      after(() => {
        job.remove()
        user?.remove()
        leave()
      })

      it('runs psql -f with allowed, masked, denied and approved statements', async () => {
        assert.equal(job.conclusion, 'success', job.log)
        const log = logOf(job, 'migrate')
        assert.match(log, /cart 1\b/)
        assert.match(log, /Ada Alder/)
        assert.match(log, /ERROR: {2}sallyport: denied by rule no-ddl: Schema changes go through the DBA\./)
        assert.match(log, /waiting for approval/)
        assert.match(log, /UPDATE 30/)
        assert.match(log, /went on/)
        const [[notes]] = (await stage.postgres.query(stage.database, "SELECT count(*) FROM carts WHERE note = 'seen'")) as [[string]]
        assert.equal(notes, '30')
        await stage.postgres.query(stage.database, "UPDATE carts SET note = 'cart ' || id")
      })

      it('shows no masked value, in no place', async () => {
        assert.doesNotMatch(job.rawLog, /masked\.example/)
        assert.equal((await artifactText(artifact)).includes('masked.example'), false)
      })

      it('uploads the recording, which verifies under the key that was printed at start', () => {
        assert.ok(isZip(artifact))
        const folder = mkdtempSync(path.join(tmpdir(), 'sallyport-artifact-'))
        try {
          const file = path.join(folder, 'recording.zip')
          writeFileSync(file, artifact)
          const key = /recording key (\S+)/.exec(job.log)?.[1] ?? ''
          const cli = path.resolve(import.meta.dirname, '../../dist/cli.mjs')
          const said = execFileSync(process.execPath, [cli, 'verify', file, '--key', key], { encoding: 'utf8', stdio: 'pipe' })
          assert.match(said, /intact/i)
        } finally {
          rmSync(folder, { recursive: true, force: true })
        }
      })

      it('writes the summary with counts, who approved, and the link to the recording', () => {
        const { summary = '' } = job.steps.at(-1) ?? {}
        assert.match(summary, /dana/)
        assert.match(summary, /denied|blocked/i)
        assert.match(summary, /artifacts\//)
        assert.ok(Buffer.byteLength(summary) < 200_000)
      })

      it('lets the password be found nowhere in the job', async () => {
        assert.ok(job.masks.has(stage.canary), 'the runner knows the secret, so a leak would show as *** in the log')
        for (const [name, text] of Object.entries({
          log: job.rawLog.replace(/^::add-mask::.*$/gm, ''),
          state: JSON.stringify(job.states),
          environment: JSON.stringify(job.environment),
          outputs: JSON.stringify(job.steps.map(({ outputs, summary }) => [outputs, summary])),
          comments: JSON.stringify(stage.shop.pull.comments.map(({ body }) => body)),
        })) {
          assert.equal(text.includes(stage.canary), false, name)
        }
        assert.equal((await artifactText(artifact)).includes(stage.canary), false, 'artifact')
        assert.ok(page.length > 0)
        assert.equal(page.includes(stage.canary), false, 'replay page')
        assert.equal(filesBelow(job.folders.workspace, job.folders.temp).includes(stage.canary), false, 'files')
        const found = job.steps.find(({ name }) => name === 'search')?.log ?? []
        assert.equal(found.at(-1), 'searched')
        assert.deepEqual(
          found.filter(line => line.startsWith('found')),
          [],
        )
      })

      it(isolation === 'user' ? 'keeps the gateway out of the reach of the job' : 'says that it is a guard rail only', () => {
        const found = job.steps.find(({ name }) => name === 'search')?.log ?? []
        if (isolation === 'user') assert.deepEqual(found, ['searched'])
        else assert.match(logOf(job, 'guard'), /isolation: none/)
        assert.deepEqual(job.orphans, [])
      })
    })
  }
})

function workflowOf(isolation: string, canary: string): string {
  const [head, tail] = [canary.slice(0, 9), canary.slice(9)]
  return `
on: pull_request
jobs:
  migrate:
    permissions: { contents: read, id-token: write, pull-requests: write }
    steps:
      - name: guard
        uses: acme/sallyport@v1
        with: { isolation: ${isolation} }
        env: { ORDERS_PASSWORD: '\${{ secrets.ORDERS_PASSWORD }}' }
      - name: write
        run: |
          cat > migration.sql <<'END'
          SELECT note FROM carts WHERE id = 1;
          SELECT name, email FROM customers ORDER BY id;
          DROP TABLE carts;
          UPDATE carts SET note = 'seen';
          SELECT 'went on';
          END
      - name: migrate
        run: psql -X -f migration.sql
      - name: search
        shell: bash {0}
        env: { CANARY_HEAD: '${head}', CANARY_TAIL: '${tail}' }
        run: |
${searchProgram.replaceAll(/^/gm, '          ')}
`
}

function logOf(job: JobRun, name: string): string {
  return job.steps.find(step => step.name === name)?.log.join('\n') ?? ''
}

/** Everything in the artifact, unpacked: compressed bytes would hide what they hold. */
async function artifactText(zip: Buffer): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sallyport-zip-'))
  try {
    const file = path.join(folder, 'a.zip')
    writeFileSync(file, zip)
    const source = await openZip(file)
    assert.deepEqual(source.others, [])
    let text = ''
    for (const name of source.names) for await (const chunk of source.read(name)) text += chunk.toString('latin1')
    await source.close()
    assert.match(text, /run\.open/)
    return text
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function filesBelow(...folders: readonly string[]): string {
  return execFileSync('find', [...folders, '-type', 'f', '-exec', 'cat', '{}', '+'], { encoding: 'latin1', maxBuffer: 1 << 28 })
}
