// Real kubectl of several versions, every way of looking at and writing an object: what is hidden never reaches it, and is not destroyed.
import assert from 'node:assert/strict'
import { chmodSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { assertUnseen } from './canary.ts'
import { applyCanaries } from './canary-objects.ts'
import type { CanaryObjects } from './canary-objects.ts'
import { openStage } from './stage.ts'
import type { RealStage } from './stage.ts'

/** Each shows a canary when it goes straight to the server. */
const looks: readonly (readonly string[])[] = [
  ...['db', 'settings'].flatMap(name => {
    const object = `${name === 'db' ? 'secret' : 'configmap'}/${name}`
    return [
      ['-o', 'json'],
      ['-o', 'yaml'],
      ['-o', 'jsonpath={.data}'],
      ['-o', 'jsonpath={.data.password}'],
      ['-o', 'jsonpath={..password}'],
      ['-o', 'go-template={{.data}}'],
      ['-o', 'go-template={{.data.password}}'],
      ['-o', 'go-template={{range $k, $v := .data}}{{$v}}{{end}}'],
      ['-o', 'custom-columns=P:.data.password'],
      ['-o', 'json', '--v=9'],
      ['-o', String.raw`jsonpath={.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}`],
    ].map(output => ['get', object, ...output])
  }),
  ['get', 'secret/db', '-o', 'go-template={{.data.password | base64decode}}'],
  ['get', 'secrets', '-o', 'json'],
  ['get', 'secrets', '-A', '-o', 'yaml'],
  ['get', 'secrets,configmaps', '-o', 'yaml'],
  ['get', 'secrets', '--field-selector', 'metadata.name=db', '-o', 'yaml'],
  ['get', 'secrets', '-o', 'custom-columns-file=columns'],
  ['get', 'configmaps', '-o', 'yaml', '--chunk-size=1'],
  ['get', '-f', 'canaries.yaml', '-o', 'yaml'],
  ['get', '--raw', '/api/v1/namespaces/shop/secrets/db'],
  ['get', '--raw', '/api/v1/namespaces/shop/configmaps?limit=1&fieldSelector=metadata.name=settings'],
  ['get', '--raw', '/api/v1/namespaces/shop/secrets?watch=1&timeoutSeconds=1'],
  ['describe', 'configmap', 'settings'],
  ['apply', 'view-last-applied', 'secret', 'db'],
  ['apply', 'view-last-applied', 'configmap/settings', '-o', 'json'],
  ['label', 'secret', 'db', 'seen=yes', '--overwrite', '-o', 'yaml'],
  ['annotate', 'configmap', 'settings', 'seen=yes', '--overwrite', '-o', 'json'],
  ['label', 'secret', 'db', 'dry=yes', '--dry-run=server', '-o', 'yaml'],
  ['patch', 'secret', 'db', '-p', '{"metadata":{"labels":{"p":"1"}}}', '-o', 'yaml'],
  ['patch', 'secret', 'db', '--type=merge', '-p', '{"metadata":{"labels":{"p":"2"}}}', '-o', 'yaml'],
  ['patch', 'configmap', 'settings', '--type=json', '-p', '[{"op":"add","path":"/metadata/labels","value":{"p":"3"}}]', '-o', 'yaml'],
  ['apply', '--server-side', '--field-manager=labels', '-f', 'labels.yaml', '-o', 'yaml'],
  ['diff', '-f', 'changed-setting.yaml'],
]
/** Shows nothing of it on either way, and must not through the gateway. */
const plainLooks: readonly (readonly string[])[] = [
  ['get', 'secrets', '-o', 'wide'],
  ['get', 'secret/db', '-o', 'name'],
  ['get', 'secret', 'db', '-o', 'wide', '--show-labels'],
  ['get', 'all,secrets,configmaps', '-A'],
  ['describe', 'secret', 'db'],
  ['get', 'secrets', '--sort-by=.data.password'],
  ['get', 'events', '-A', '-o', 'yaml'],
]

describe('kubectl through the gateway, against a real API server', () => {
  let stage: RealStage
  let canaries: CanaryObjects
  before(async () => {
    stage = await openStage()
    canaries = await applyCanaries(stage)
    stage.write('columns', 'NAME           PASSWORD\nmetadata.name  data.password\n')
    stage.write('labels.yaml', 'apiVersion: v1\nkind: Secret\nmetadata: { name: made, namespace: shop, labels: { by: labels } }\n')
    stage.write(
      'changed-setting.yaml',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings, namespace: shop }\ndata: { password: mine, mode: slow }\n',
    )
  })
  after(() => stage.stop())

  it('is played with two versions at least', () => {
    assert.ok(stage.kubectls.length >= 2, stage.kubectls.join(', '))
  })

  for (const args of [...looks, ...plainLooks]) {
    it(`shows nothing that is hidden by kubectl ${args.join(' ')}`, async () => {
      for (const program of stage.kubectls) {
        const direct = await stage.run(program, 'direct', ['-n', 'shop', ...args])
        const through = await stage.run(program, 'prod', ['-n', 'shop', ...args])
        const what = `${path.basename(program)} ${args.join(' ')}`
        if (looks.includes(args)) {
          const seen = direct.stdout + direct.stderr
          assert.ok(
            canaries.all.some(canary => canary.isIn(seen)),
            `${what} shows it directly: ${direct.stderr}`,
          )
        }
        assertUnseen(through.stdout + through.stderr, canaries.all, what)
        assert.equal(through.status, direct.status, `${what}: ${through.stderr}`)
        assert.ok(through.stdout.length > 0, `${what} says something`)
      }
    })
  }

  it('shows nothing that is hidden by kubectl get --watch', async () => {
    for (const program of stage.kubectls) {
      for (const object of ['secret', 'configmap']) {
        for (const output of ['json', 'yaml', 'jsonpath={.object.data}']) {
          const args = ['-n', 'shop', 'get', object, '--watch', '--output-watch-events', '-o', output]
          // Until the first hidden value, on either way.
          const isShown = (text: string): boolean => canaries.all.some(canary => canary.isIn(text))
          const isHidden = (text: string): boolean =>
            text.includes('[redacted]') || text.includes(Buffer.from('[redacted]').toString('base64'))
          const direct = await stage.run(program, 'direct', args, { until: isShown })
          assert.ok(isShown(direct.stdout), `${args.join(' ')} shows it directly: ${direct.stderr}`)
          const seen = await stage.run(program, 'prod', args, { until: isHidden })
          assertUnseen(seen.stdout + seen.stderr, canaries.all, args.join(' '))
          assert.ok(isHidden(seen.stdout), seen.stderr)
        }
      }
    }
  })

  it('gives an editor an object without what is hidden, and takes its change without destroying that', async () => {
    for (const program of stage.kubectls) {
      const label = path.basename(program)
      const editor = stage.write(`editor-${label}`, `#!/bin/sh\ncp "$1" edited-${label}\nsed -i 's/mode: .*/mode: ${label}/' "$1"\n`)
      chmodSync(editor, 0o755)
      const ran = await stage.run(program, 'prod', ['-n', 'shop', 'edit', 'configmap', 'settings'], { env: { EDITOR: editor } })
      assert.equal(ran.status, 0, ran.stderr)
      assertUnseen(ran.stdout + ran.stderr + readFileSync(path.join(stage.dir, `edited-${label}`), 'utf8'), canaries.all, 'the editor')
      const live = (await stage.api.ask('GET', '/api/v1/namespaces/shop/configmaps/settings')) as { data: Record<string, string> }
      assert.equal(live.data['mode'], label)
      assert.equal(live.data['password'], canaries.setting.value)
    }
  })

  it('refuses to write back what was read through the mask, and the value stays', async () => {
    for (const program of stage.kubectls) {
      for (const object of ['secret/db', 'configmap/settings']) {
        const read = await stage.run(program, 'prod', ['-n', 'shop', 'get', object, '-o', 'yaml'])
        const changed = read.stdout.replace('mode: ', 'mode: again-')
        for (const command of [['apply'], ['replace'], ['apply', '--server-side', '--force-conflicts']]) {
          const ran = await stage.run(program, 'prod', ['-n', 'shop', ...command, '-f', '-'], { input: changed })
          assert.notEqual(ran.status, 0, `${command.join(' ')} of ${object}: ${ran.stdout}`)
          assert.match(ran.stderr, /sallyport: the object holds masked values/)
          assertUnseen(ran.stdout + ran.stderr, canaries.all, command.join(' '))
        }
      }
    }
    await assertUntouched()
  })

  it('takes what a user applies from a file of their own, and shows none of it back', async () => {
    for (const program of stage.kubectls) {
      for (const side of [[], ['--server-side', '--force-conflicts']]) {
        const applied = await stage.run(program, 'prod', ['apply', ...side, '-f', 'canaries.yaml', '-o', 'yaml'])
        assert.equal(applied.status, 0, applied.stderr)
        assertUnseen(applied.stdout + applied.stderr, canaries.all, `apply ${side.join(' ')}`)
      }
      const compared = await stage.run(program, 'prod', ['diff', '-f', 'canaries.yaml'])
      assert.ok(compared.status <= 1, compared.stderr)
    }
    await assertUntouched()
  })

  it('leaves none of it in the recording, which verifies', async () => {
    assertUnseen(await stage.seal(), canaries.all, 'the recording')
    const verified = await stage.verify()
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
  })

  async function assertUntouched(): Promise<void> {
    const secret = (await stage.api.ask('GET', '/api/v1/namespaces/shop/secrets/db')) as { data: Record<string, string> }
    assert.equal(Buffer.from(secret.data['password'] ?? '', 'base64').toString(), canaries.secret.value)
    const setting = (await stage.api.ask('GET', '/api/v1/namespaces/shop/configmaps/settings')) as { data: Record<string, string> }
    assert.equal(setting.data['password'], canaries.setting.value)
  }
})
