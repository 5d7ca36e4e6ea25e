// What pipelines do all day with objects in which something is hidden, by the oldest and the newest kubectl here: it works, and destroys nothing.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { kindOf } from '../../../world/kubernetes/kinds.ts'
import type { ApiObject } from '../../../world/kubernetes/kinds.ts'
import { kubectls } from './kubectls.ts'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway, Ran } from './kubernetes-gateway.ts'

const CANARY = 'hunter2-canary-value'
const ENCODED = Buffer.from(CANARY).toString('base64')

// Older ones ask for /openapi/v2 before they apply, which only a real API server has.
for (const { path: program, version } of kubectls(31)) {
  describe(`kubectl ${version} on objects with hidden fields`, () => {
    let gateway: KubernetesGateway
    let folder: string
    before(async () => {
      folder = mkdtempSync(path.join(os.tmpdir(), 'sallyport-work-'))
      gateway = await kubernetesGateway({
        masks: [
          {
            name: 'settings',
            on: null,
            columns: [],
            patterns: [],
            fields: [{ resource: 'configmaps', path: ['data', 'password'] }],
            with: { kind: 'redact' },
            unless: [],
            inference: 'allow',
          },
        ],
      })
    })
    after(async () => {
      await gateway.stop()
      rmSync(folder, { recursive: true, force: true })
    })
    const kubectl = (args: readonly string[], env: Record<string, string> = {}): Promise<Ran> =>
      gateway.kubectl(['-n', 'shop', ...args], { program, env })
    const file = (name: string, text: string): string => {
      const full = path.join(folder, name)
      writeFileSync(full, text)
      return full
    }
    const secretFile = (mode: string): string =>
      file(
        'secret.yaml',
        `apiVersion: v1\nkind: Secret\nmetadata: { name: db, labels: { mode: ${mode} } }\nstringData: { password: ${CANARY}, mode: ${mode} }\n`,
      )
    const configFile = (mode: string): string =>
      file('config.yaml', `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { password: ${CANARY}, mode: ${mode} }\n`)
    const stored = (kind: 'secrets' | 'configmaps', name: string): ApiObject | undefined =>
      gateway.world.store.get(kindOf('', 'v1', kind) as never, 'shop', name)
    const data = (kind: 'secrets' | 'configmaps', name: string): Record<string, string> =>
      (stored(kind, name)?.['data'] ?? {}) as Record<string, string>
    /** Ran well, and showed nothing. */
    const fine = (ran: Ran): string => {
      assert.equal(ran.status, 0, ran.stderr)
      assert.ok(!(ran.stdout + ran.stderr).includes(CANARY) && !(ran.stdout + ran.stderr).includes(ENCODED), ran.stdout + ran.stderr)
      return ran.stdout
    }

    it('applies its own files, again and again', async () => {
      for (const mode of ['one', 'two', 'two']) {
        fine(await kubectl(['apply', '-f', secretFile(mode), '-f', configFile(mode), '-o', 'yaml']))
        assert.deepEqual(data('configmaps', 'settings'), { password: CANARY, mode })
        assert.deepEqual(data('secrets', 'db'), { password: ENCODED, mode: Buffer.from(mode).toString('base64') })
      }
    })

    it('applies them on the server', async () => {
      for (const mode of ['three', 'four']) {
        fine(await kubectl(['apply', '--server-side', '--force-conflicts', '-f', secretFile(mode), '-f', configFile(mode)]))
        assert.equal(data('configmaps', 'settings')['mode'], mode)
        assert.equal(data('secrets', 'db')['password'], ENCODED)
      }
    })

    it('tells the difference of what it would apply, and shows no hidden side of it', async () => {
      const ran = await kubectl(['diff', '-f', configFile('five')], { KUBECTL_EXTERNAL_DIFF: 'diff -u' })
      assert.equal(ran.status, 1, ran.stderr)
      assert.match(ran.stdout, /^-\s+mode: four\n\+\s+mode: five$/m)
      assert.ok(!ran.stdout.includes(CANARY))
      assert.equal(data('configmaps', 'settings')['mode'], 'four')
    })

    it('edits what is not hidden, and what is, by a value of its own', async () => {
      const editor = (command: string): string => {
        const full = file('editor.sh', `#!/bin/sh\nsed -i '${command}' "$1"\n`)
        chmodSync(full, 0o755)
        return full
      }
      fine(await kubectl(['edit', 'configmap', 'settings'], { EDITOR: editor('s/mode: four/mode: six/') }))
      assert.deepEqual(data('configmaps', 'settings'), { password: CANARY, mode: 'six' })
      fine(await kubectl(['edit', 'configmap', 'settings'], { EDITOR: editor('s/password: .*/password: changed/') }))
      assert.deepEqual(data('configmaps', 'settings'), { password: 'changed', mode: 'six' })
      fine(await kubectl(['edit', 'secret', 'db'], { EDITOR: editor('s/    mode: four/    mode: six/') }))
      assert.equal(stored('secrets', 'db')?.metadata.labels?.['mode'], 'six')
      assert.equal(data('secrets', 'db')['password'], ENCODED)
    })

    it('labels, annotates, patches, describes and deletes', async () => {
      fine(await kubectl(['label', 'secret', 'db', 'a=b', '-o', 'yaml']))
      fine(await kubectl(['annotate', 'secret', 'db', 'a=b', '-o', 'yaml']))
      fine(await kubectl(['patch', 'secret', 'db', '--type', 'merge', '-p', '{"metadata":{"labels":{"c":"d"}}}', '-o', 'json']))
      assert.match(fine(await kubectl(['describe', 'secret', 'db'])), /password: +\d+ bytes/)
      assert.match(fine(await kubectl(['auth', 'can-i', 'get', 'pods'])), /yes/)
      assert.equal(data('secrets', 'db')['password'], ENCODED)
      fine(await kubectl(['delete', '-f', secretFile('one'), '--wait=true']))
      assert.equal(stored('secrets', 'db'), undefined)
    })

    it('does not write a mask back: it is told what to do', async () => {
      fine(await kubectl(['apply', '-f', configFile('seven')]))
      const read = await kubectl(['get', 'configmap', 'settings', '-o', 'yaml'])
      for (const verb of [['replace'], ['apply'], ['apply', '--server-side', '--force-conflicts']]) {
        const text = verb.includes('--server-side')
          ? read.stdout.replaceAll(/^ {2}(?:uid|resourceVersion|creationTimestamp).*\n/gm, '')
          : read.stdout
        const ran = await kubectl([...verb, '-f', file('masked.yaml', text)])
        assert.equal(ran.status, 1)
        assert.match(ran.stderr, /writing it back would destroy the real ones/)
      }
      assert.equal(data('configmaps', 'settings')['password'], CANARY)
    })
  })
}
