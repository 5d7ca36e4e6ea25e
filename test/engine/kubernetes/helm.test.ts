// helm keeps what it installed, Secrets and the values they were made of, in a Secret of its own. Read through the gateway nothing of that
// shows, helm still works, and what it writes back destroys nothing.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { kindOf } from '../../../world/kubernetes/kinds.ts'
import { secret } from '../../wire/kubernetes/protobuf-writer.ts'
import { kubernetesGateway } from './kubernetes-gateway.ts'
import type { KubernetesGateway, Ran } from './kubernetes-gateway.ts'

const CANARY = 'hunter2-canary-value'
const ENCODED = Buffer.from(CANARY).toString('base64')
const NAME = 'sh.helm.release.v1.rel.v1'
const target = `/api/v1/namespaces/shop/secrets/${NAME}`

type Release = Record<string, unknown> & { manifest: string; info: Record<string, unknown>; config: Record<string, unknown> }

const release = (): Release => ({
  name: 'rel',
  info: { status: 'deployed', description: 'Install complete', notes: `log in with ${CANARY}` },
  chart: {
    metadata: { name: 'shop', version: '0.1.0' },
    values: { mode: 'fast', password: CANARY, url: `postgres://app:${CANARY}@db`, pin: 4711 },
    templates: [{ name: 'templates/db.yaml', data: Buffer.from(`kind: Secret\nstringData: { password: ${CANARY} }\n`).toString('base64') }],
    files: [{ name: 'README', data: Buffer.from(`the default is ${CANARY}`).toString('base64') }],
  },
  config: { password: CANARY, pin: 4711, mode: 'fast' },
  manifest: `---\n# Source: shop/db.yaml\napiVersion: v1\nkind: Secret\nmetadata: { name: db }\nstringData: { password: "${CANARY}", pin: "4711" }\n---\n# Source: shop/cm.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { mode: fast }\n`,
  hooks: [{ name: 'job', manifest: `kind: Secret\napiVersion: v1\ndata: { password: ${ENCODED} }\n`, last_run: { phase: 'Unknown' } }],
  version: 1,
  namespace: 'shop',
})

const packed = (value: unknown): string => gzipSync(JSON.stringify(value)).toString('base64')
const inSecret = (value: unknown): string => Buffer.from(packed(value)).toString('base64')
const unpacked = (text: string): Release => JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString()) as Release
const outOfSecret = (text: string): Release => unpacked(Buffer.from(text, 'base64').toString())

function assertHidden(text: string): void {
  assert.ok(!text.includes(CANARY) && !text.includes(ENCODED), text)
}

/** Everything a release says, its files too. */
function saidBy(value: Release): string {
  const { templates, files } = value['chart'] as { templates: { data: string }[]; files: { data: string }[] }
  return JSON.stringify(value) + [...templates, ...files].map(({ data }) => Buffer.from(data, 'base64').toString()).join()
}

describe('a release of helm through the gateway', () => {
  let gateway: KubernetesGateway
  beforeEach(async () => {
    gateway = await kubernetesGateway()
    gateway.world.put('Secret', {
      metadata: { name: NAME, namespace: 'shop', labels: { owner: 'helm', name: 'rel' } },
      type: 'helm.sh/release.v1',
      data: { release: inSecret(release()) },
    })
  })
  afterEach(() => gateway.stop())
  const read = async (): Promise<Record<string, unknown> & { data: { release: string } }> =>
    JSON.parse((await gateway.request('GET', target)).text) as Record<string, unknown> & { data: { release: string } }
  const stored = (): Release => {
    const object = gateway.world.store.get(kindOf('', 'v1', 'secrets') as never, 'shop', NAME)
    assert.ok(object !== undefined)
    return outOfSecret((object['data'] as { release: string }).release)
  }
  const put = (object: unknown): Promise<{ status: number; text: string }> =>
    gateway.request('PUT', target, { body: JSON.stringify(object) })

  it('is a release still, with nothing of its Secrets in it, nor of what they were made of', async () => {
    const shown = outOfSecret((await read()).data.release)
    assertHidden(saidBy(shown))
    assert.ok(!saidBy(shown).includes('4711'))
    assert.match(shown.manifest, /# Source: shop\/cm\.yaml[^]*data: \{ mode: fast \}/)
    assert.deepEqual(shown.config, { password: '[redacted]', pin: '[redacted]', mode: 'fast' })
    assert.equal(shown.info['status'], 'deployed')
    const { text } = await gateway.request('GET', '/api/v1/namespaces/shop/secrets?labelSelector=owner%3Dhelm')
    const [item] = (JSON.parse(text) as { items: { data: { release: string } }[] }).items
    assertHidden(saidBy(outOfSecret(item?.data.release ?? '')))
    assertHidden(gateway.recorded())
  })

  it('shows no value that stands in no manifest that is shown: the chart may have made a digest of it', async () => {
    const config = { token: 'only-as-a-digest', code: 73_219, part: 'fas', mode: 'fast', isOn: true, nested: { list: ['nowhere-else'] } }
    const notes = 'your token is only-as-a-digest'
    const value = { ...release(), config, info: { ...release().info, notes } }
    gateway.world.put('Secret', { metadata: { name: NAME, namespace: 'shop' }, data: { release: inSecret(value) } })
    gateway.world.put('ConfigMap', { metadata: { name: NAME, namespace: 'shop' }, data: { release: packed(value) } })
    const shown = outOfSecret((await read()).data.release)
    const gone = '[redacted]'
    assert.deepEqual(shown.config, { token: gone, code: gone, part: gone, mode: 'fast', isOn: true, nested: { list: [gone] } })
    assert.equal(shown.info['notes'], `your token is ${gone}`)
    // In a ConfigMap, which is not hidden itself, only what stands in its Secrets is.
    const { text } = await gateway.request('GET', `/api/v1/namespaces/shop/configmaps/${NAME}`)
    assert.deepEqual(unpacked((JSON.parse(text) as { data: { release: string } }).data.release).config, config)
  })

  it('keeps what was hidden when helm writes back what became of it, as JSON and as protobuf', async () => {
    for (const status of ['superseded', 'failed']) {
      const object = await read()
      const shown = outOfSecret(object.data.release)
      shown.info['status'] = status
      shown['hooks'] = [{ ...(shown['hooks'] as object[])[0], last_run: { phase: 'Succeeded' } }]
      const answered =
        status === 'superseded'
          ? await put({ ...object, data: { release: inSecret(shown) } })
          : await gateway.request('PUT', target, {
              headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
              body: secret({ name: NAME, data: { release: Buffer.from(packed(shown)) }, stringData: {} }),
            })
      assert.equal(answered.status, 200, answered.text)
      assertHidden(saidBy(outOfSecret((JSON.parse(answered.text) as { data: { release: string } }).data.release)))
      const wanted = release()
      wanted.info['status'] = status
      wanted['hooks'] = [{ ...(wanted['hooks'] as object[])[0], last_run: { phase: 'Succeeded' } }]
      assert.deepEqual(stored(), wanted)
    }
    assertHidden(gateway.recorded())
  })

  it('is not written back when anything else of it differs, and says what to do', async () => {
    const object = await read()
    const before = stored()
    for (const change of [
      (shown: Release): void => void (shown.manifest += '---\nkind: ConfigMap\n'),
      (shown: Release): void => void (shown.config['mode'] = 'slow'),
      (shown: Release): void => void (shown['version'] = 2),
      (shown: Release): void => void (shown['hooks'] = []),
    ]) {
      const shown = outOfSecret(object.data.release)
      change(shown)
      const answered = await put({ ...object, data: { release: inSecret(shown) } })
      assert.equal(answered.status, 403)
      assert.match(answered.text, /give them again \(helm upgrade --reset-values -f FILE\), or lift the mask/)
    }
    assert.deepEqual(stored(), before)
  })

  it('is not made anew of masked values', async () => {
    const shown = outOfSecret((await read()).data.release)
    const body = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'sh.helm.release.v1.rel.v2' },
      type: 'helm.sh/release.v1',
      data: { release: inSecret({ ...shown, version: 2 }) },
    })
    const seen = gateway.world.seen.length
    assert.equal((await gateway.request('POST', '/api/v1/namespaces/shop/secrets', { body })).status, 403)
    assert.equal(gateway.world.seen.length, seen)
  })

  it('is covered in a ConfigMap as well', async () => {
    gateway.world.put('ConfigMap', {
      metadata: { name: NAME, namespace: 'shop', labels: { owner: 'helm' } },
      data: { release: packed(release()) },
    })
    const { text } = await gateway.request('GET', `/api/v1/namespaces/shop/configmaps/${NAME}`)
    assertHidden(saidBy(unpacked((JSON.parse(text) as { data: { release: string } }).data.release)))
  })

  it('that cannot be read is hidden whole', async () => {
    for (const text of ['not packed', packed({ manifest: 'kind: Secret: no yaml [' }), packed([1])]) {
      gateway.world.put('Secret', {
        metadata: { name: NAME, namespace: 'shop' },
        type: 'helm.sh/release.v1',
        data: { release: Buffer.from(text).toString('base64') },
      })
      assert.equal(Buffer.from((await read()).data.release, 'base64').toString(), '[redacted]')
    }
  })
})

/** helm, where PATH or the cache folder has one. */
function findHelm(): string | null {
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'sallyport', 'kubernetes')
  const folders = existsSync(cache) ? readdirSync(cache).map(name => path.join(cache, name, 'bin')) : []
  return (
    [...(process.env['PATH'] ?? '').split(':'), ...folders].map(folder => path.join(folder, 'helm')).find(file => existsSync(file)) ?? null
  )
}

const program = findHelm()
if (program !== null) {
  describe('helm itself', () => {
    let gateway: KubernetesGateway
    let chart: string
    before(async () => {
      gateway = await kubernetesGateway()
      chart = mkdtempSync(path.join(os.tmpdir(), 'sallyport-chart-'))
      mkdirSync(path.join(chart, 'templates'))
      writeFileSync(path.join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: shop\nversion: 0.1.0\n')
      writeFileSync(path.join(chart, 'values.yaml'), `mode: fast\npassword: ${CANARY}\n`)
      writeFileSync(
        path.join(chart, 'templates', 'all.yaml'),
        `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { mode: {{ .Values.mode }} }\n---\napiVersion: v1\nkind: Secret\nmetadata: { name: db }\nstringData: { password: {{ .Values.password }} }\n`,
      )
    })
    after(async () => {
      await gateway.stop()
      rmSync(chart, { recursive: true, force: true })
    })
    const helm = (...args: readonly string[]): Promise<Ran> => gateway.kubectl(['-n', 'shop', ...args], { program })
    const of = (kind: 'configmaps' | 'secrets', name: string): unknown =>
      gateway.world.store.get(kindOf('', 'v1', kind) as never, 'shop', name)?.['data']

    it('installs, lists, upgrades, tells the history and uninstalls', async () => {
      for (const args of [['install', 'rel', chart], ['list'], ['upgrade', 'rel', chart, '--set', 'mode=slow'], ['history', 'rel']]) {
        const ran = await helm(...args)
        assert.equal(ran.status, 0, ran.stderr)
      }
      assert.deepEqual(of('configmaps', 'settings'), { mode: 'slow' })
      assert.deepEqual(of('secrets', 'db'), { password: ENCODED })
      assert.match((await helm('history', 'rel')).stdout, /1 .*superseded[^]*2 .*deployed/)
    })

    it('shows nothing hidden, whatever it is asked', async () => {
      for (const args of [
        ['get', 'all', 'rel'],
        ['get', 'values', 'rel', '-a'],
        ['get', 'manifest', 'rel', '--revision', '1'],
        ['status', 'rel', '-o', 'json'],
      ]) {
        const ran = await helm(...args)
        assert.equal(ran.status, 0, ran.stderr)
        assert.ok(!(ran.stdout + ran.stderr).includes(CANARY) && !ran.stdout.includes(ENCODED), args.join(' '))
      }
    })

    it('does not put the mask into the cluster: it says what to do instead', async () => {
      for (const args of [
        ['rollback', 'rel', '1'],
        ['upgrade', 'rel', chart, '--reuse-values'],
      ]) {
        const ran = await helm(...args)
        assert.equal(ran.status, 1)
        assert.match(ran.stderr, /give them again \(helm upgrade --reset-values -f FILE\)/)
      }
      assert.deepEqual(of('secrets', 'db'), { password: ENCODED })
      const again = await helm('upgrade', 'rel', chart, '--reset-values', '--set', 'mode=last')
      assert.equal(again.status, 0, again.stderr)
      assert.equal((await helm('uninstall', 'rel')).status, 0)
      assert.equal(of('secrets', 'db'), undefined)
    })
  })
}
