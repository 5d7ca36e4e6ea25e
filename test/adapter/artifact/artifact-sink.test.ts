import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, beforeEach, describe, it } from 'node:test'
import { openArtifactSink } from '../../../gateway/adapter/artifact/artifact-sink.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import type { Sink } from '../../../gateway/core/sink.ts'
import { verifyRecording } from '../../../gateway/record/verify-recording.ts'
import { Artifacts } from '../../../world/github/artifacts.ts'
import { sealedStory } from '../../record/recordings.ts'

const never = new AbortController().signal
let root: string
let dir: string
let files: string[]
let artifacts: Artifacts
let server: Server
let port: number
let onRequest: (method: string) => void = () => {}

before(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'sallyport-artifact-'))
  dir = path.join(root, 'recording')
  files = (await sealedStory(dir)).files.map(({ name }) => name)
  server = createServer((request, response) => {
    void buffer(request).then(body => {
      onRequest(request.url ?? '')
      const url = new URL(request.url ?? '/', `http://127.0.0.1:${port}`)
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      const answer = artifacts.answer(request.method ?? '', url, headers['authorization'] ?? '', headers, body)
      response.writeHead(answer?.status ?? 404, { 'content-type': 'application/json', ...answer?.headers })
      response.end(typeof answer?.body === 'string' ? answer.body : JSON.stringify(answer?.body ?? {}))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ;({ port } = server.address() as AddressInfo)
})
after(() => {
  server.closeAllConnections()
  server.close()
  rmSync(root, { recursive: true, force: true })
})
beforeEach(() => {
  artifacts = new Artifacts()
  onRequest = () => {}
})

describe('shipping as an artifact', () => {
  it('uploads the recording as a zip that verifies, and links it', async () => {
    const shipped = await sinkWith(artifacts.addRuntimeToken('run-1', 'job-1')).ship(dir, files, never)
    const [artifact] = artifacts.finished
    assert.equal(artifact!.name, 'sallyport-migrate-1')
    assert.deepEqual(shipped, {
      url: `https://github.localhost/acme/shop/actions/runs/7712/artifacts/${artifact!.id}`,
      pageUrl: shipped.pageUrl,
    })
    writeFileSync(path.join(root, 'downloaded.zip'), artifact!.bytes)
    const report = await verifyRecording(path.join(root, 'downloaded.zip'))
    assert.deepEqual([report.words, report.form], ['Intact', 'zip'])
    const days = (Date.parse(artifact!.expiresAt ?? '') - Date.now()) / 86_400_000
    assert.ok(days > 6.9 && days < 7.1, String(days))
  })

  it('uploads the replay page beside it, un-zipped, so that it opens with one click', async () => {
    const shipped = await sinkWith(artifacts.addRuntimeToken('run-1', 'job-1')).ship(dir, files, never)
    const [zip, html] = artifacts.finished
    assert.deepEqual([zip!.name, html!.name, html!.mimeType], ['sallyport-migrate-1', 'sallyport-migrate-1.html', 'text/html'])
    assert.deepEqual(html!.bytes, readFileSync(path.join(dir, 'replay.html')))
    assert.ok(shipped.pageUrl?.endsWith(`/artifacts/${html!.id}`))
  })

  it('uploads no page where there is none', async () => {
    const without = files.filter(name => name !== 'replay.html')
    const shipped = await sinkWith(artifacts.addRuntimeToken('run-1', 'job-1')).ship(dir, without, never)
    assert.equal(shipped.pageUrl, null)
    assert.deepEqual(
      artifacts.finished.map(({ name }) => name),
      ['sallyport-migrate-1'],
    )
  })

  it('fails, without quoting the token, when the service refuses', async () => {
    const token = new Artifacts().addRuntimeToken('run-1', 'job-1')
    await assert.rejects(sinkWith(token).ship(dir, files, never), (error: Error & { code: string; why: string }) => {
      assert.equal(error.code, 'RECORDING_FAILED')
      assert.match(error.why, /401|Unauthorized/i)
      assert.ok(!JSON.stringify([error.message, error.why]).includes(token))
      return true
    })
    assert.deepEqual(artifacts.finished, [])
  })

  it('fails when the name was used before in the run', async () => {
    const sink = sinkWith(artifacts.addRuntimeToken('run-1', 'job-1'))
    await sink.ship(dir, files, never)
    const before = artifacts.finished.length
    await assert.rejects(sink.ship(dir, files, never), { code: 'RECORDING_FAILED' })
    assert.equal(artifacts.finished.length, before)
  })

  it('stops in the middle of an upload when told to', async () => {
    const cancel = new AbortController()
    onRequest = url => {
      if (url.includes('/artifact-blobs/')) cancel.abort(new Error('cancelled'))
    }
    await assert.rejects(sinkWith(artifacts.addRuntimeToken('run-1', 'job-1')).ship(dir, files, cancel.signal), { message: 'cancelled' })
    assert.deepEqual(artifacts.finished, [])
  })
})

function sinkWith(token: string): Sink {
  return openArtifactSink({
    name: 'sallyport-migrate-1',
    retentionDays: 7,
    runtimeToken: new Secret(token),
    resultsUrl: `http://127.0.0.1:${port}/`,
    serverUrl: 'https://github.localhost',
    repository: 'acme/shop',
    workflowRunId: '7712',
    environment: { GITHUB_RETENTION_DAYS: '30', PGPASSWORD: 'not passed on' },
  })
}
