// helm with and without the gateway: install, upgrade, rollback; its releases are Secrets, so what a chart's Secret holds stands in them twice
// packed (gzip in base64 in base64), and none of it is shown where Secrets are hidden.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { assertUnseen, Canary } from './canary.ts'
import { assertSame, sides } from './compare.ts'
import { findHelm } from './helm.ts'
import { openStage } from './stage.ts'
import type { RealStage } from './stage.ts'

const helm = findHelm() ?? 'helm'

describe('helm with and without the gateway, against a real API server', () => {
  let stage: RealStage
  const canary = new Canary()
  /** In no object but the release itself: the chart makes a digest of it. */
  const digested = new Canary()
  before(async () => {
    stage = await openStage()
    const chart = path.join(stage.dir, 'chart/templates')
    mkdirSync(chart, { recursive: true })
    const write = (name: string, text: string): void => writeFileSync(path.join(stage.dir, 'chart', name), text)
    write('Chart.yaml', 'apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: "4"\n')
    write('values.yaml', 'mode: fast\npassword: unset\ntoken: unset\nreplicas: 1\n')
    write(
      'templates/all.yaml',
      `apiVersion: v1
kind: ConfigMap
metadata: { name: {{ .Release.Name }} }
data: { mode: {{ .Values.mode }}, digest: {{ .Values.token | sha256sum }} }
---
apiVersion: v1
kind: Secret
metadata: { name: {{ .Release.Name }} }
stringData: { password: {{ .Values.password }} }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: {{ .Release.Name }} }
spec:
  replicas: {{ .Values.replicas }}
  selector: { matchLabels: { app: {{ .Release.Name }} } }
  template:
    metadata: { labels: { app: {{ .Release.Name }} } }
    spec: { containers: [{ name: app, image: app }] }
`,
    )
    write('templates/NOTES.txt', 'It is there, in {{ .Release.Namespace }}.\n')
    for (const { namespace } of sides) {
      await stage.api.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    }
  })
  after(() => stage.stop())

  const steps: readonly (readonly [readonly string[], number?])[] = [
    [['install', 'one', 'chart', '-n', 'NS', '--set', 'password=hunter2']],
    [['install', 'one', 'chart', '-n', 'NS'], 1],
    [['status', 'one', '-n', 'NS']],
    [['list', '-n', 'NS']],
    [['upgrade', 'one', 'chart', '-n', 'NS', '--set', 'mode=slow,replicas=2,password=hunter3']],
    [['upgrade', '--install', 'two', 'chart', '-n', 'NS', '--create-namespace']],
    [['history', 'one', '-n', 'NS']],
    [['get', 'all', 'one', '-n', 'NS']],
    [['get', 'manifest', 'one', '-n', 'NS', '--revision', '1']],
    [['get', 'values', 'one', '-n', 'NS', '-a']],
    [['rollback', 'one', '1', '-n', 'NS']],
    [['upgrade', 'one', 'chart', '-n', 'NS', '--dry-run=server']],
    [['upgrade', 'one', 'chart', '-n', 'NS', '--set', 'mode=Bad: : yaml'], 1],
    [['upgrade', 'one', 'chart', '-n', 'NS', '--set', 'replicas=many'], 1],
    [['list', '-n', 'NS', '-a', '-o', 'json']],
    [['uninstall', 'two', '-n', 'NS']],
    [['status', 'two', '-n', 'NS'], 1],
  ]
  for (const [args, status = 0] of steps) {
    it(`says the same: helm ${args.join(' ')}`, async () => {
      await assertSame(stage, helm, args, { status })
    })
  }

  it('left the same objects behind on both sides', async () => {
    const seen = await Promise.all(
      sides.map(async ({ namespace }) => {
        const at = `/apis/apps/v1/namespaces/${namespace}/deployments`
        const deployments = (await stage.api.ask('GET', at)) as { items: { metadata: { name: string }; spec: { replicas: number } }[] }
        const secret = (await stage.api.ask('GET', `/api/v1/namespaces/${namespace}/secrets/one`)) as { data: Record<string, string> }
        return [deployments.items.map(({ metadata, spec }) => [metadata.name, spec.replicas]), secret.data]
      }),
    )
    assert.deepEqual(seen[1], seen[0])
  })

  describe('where Secrets are hidden', () => {
    before(async () => {
      const installed = await stage.run(helm, 'direct', [
        'install',
        'own',
        'chart',
        '-n',
        'shop',
        '--set',
        `password=${canary.value},token=${digested.value}`,
      ])
      assert.equal(installed.status, 0, installed.stderr)
      const release = (await stage.api.ask('GET', '/api/v1/namespaces/shop/secrets/sh.helm.release.v1.own.v1')) as {
        data: { release: string }
      }
      const unpacked = gunzipSync(Buffer.from(Buffer.from(release.data.release, 'base64').toString(), 'base64'))
      assert.ok(canary.isIn(unpacked) && digested.isIn(unpacked), 'the release holds them')
    })

    for (const args of [
      ['get', 'all', 'own'],
      ['get', 'values', 'own'],
      ['get', 'manifest', 'own'],
      ['get', 'metadata', 'own'],
      ['list', '-a', '-o', 'json'],
      ['status', 'own', '-o', 'json'],
      ['history', 'own'],
      ['upgrade', 'own', 'chart', '--reuse-values'],
      ['rollback', 'own', '1'],
      ['get', 'all', 'own', '--debug'],
    ]) {
      it(`shows nothing of a release by helm ${args.join(' ')}`, async () => {
        const direct = await stage.run(helm, 'direct', [
          ...args,
          '-n',
          'shop',
          ...(args[0] === 'upgrade' || args[0] === 'rollback' ? ['--dry-run'] : []),
        ])
        assert.equal(direct.status, 0, direct.stderr)
        const through = await stage.run(helm, 'prod', [...args, '-n', 'shop'])
        assertUnseen(through.stdout + through.stderr, [canary, digested], args.join(' '))
      })
    }

    it('destroys no release that it cannot read', async () => {
      const values = await stage.run(helm, 'direct', ['get', 'values', 'own', '-n', 'shop'])
      assert.ok(canary.isIn(values.stdout), values.stderr)
    })

    it('works with its releases in ConfigMaps, and still shows no Secret', async () => {
      const env = { HELM_DRIVER: 'configmap' }
      const install = ['install', 'maps', 'chart', '-n', 'shop', '--set', 'mode=fast']
      for (const args of [install, ['upgrade', 'maps', 'chart', '-n', 'shop', '--set', 'mode=slow'], ['history', 'maps', '-n', 'shop']]) {
        const ran = await stage.run(helm, 'prod', args, { env })
        assert.equal(ran.status, 0, ran.stderr)
      }
      const read = await stage.request('prod', 'GET', '/api/v1/namespaces/shop/secrets/maps')
      assert.ok(!read.body.includes(Buffer.from('unset').toString('base64')))
    })
  })

  it('leaves none of it in the recording, which verifies', async () => {
    assertUnseen(await stage.seal(), [canary, digested], 'the recording')
    const verified = await stage.verify()
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
  })
})
