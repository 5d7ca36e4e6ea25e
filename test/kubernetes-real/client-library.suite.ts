// @kubernetes/client-node with and without the gateway: objects, watches, logs and exec of a program that is no kubectl.
import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { CoreV1Api, Exec, KubeConfig, Log, Watch } from '@kubernetes/client-node'
import type { V1Status } from '@kubernetes/client-node'
import { assertUnseen, Canary } from './canary.ts'
import { openStage } from './stage.ts'
import type { RealStage, Way } from './stage.ts'

const ways: readonly Way[] = ['direct', 'open']

describe('@kubernetes/client-node, against a real API server', () => {
  let stage: RealStage
  const canary = new Canary()
  before(async () => {
    stage = await openStage()
    const container = await stage.pod('web')
    for (const line of ['one', 'two']) container.log(line)
    container.endLog()
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' }, stringData: { password: canary.value } }
    await stage.api.ask('POST', '/api/v1/namespaces/shop/secrets', secret)
  })
  after(() => stage.stop())

  const configOf = (way: Way): KubeConfig => {
    const config = new KubeConfig()
    config.loadFromFile(stage.kubeconfig(way))
    config.setCurrentContext(way)
    return config
  }

  it('makes, reads, changes, lists and deletes objects', async () => {
    const seen: unknown[] = []
    for (const way of ways) {
      const api = configOf(way).makeApiClient(CoreV1Api)
      const at = { namespace: 'shop', name: `made-${way}` }
      await api.createNamespacedConfigMap({ namespace: 'shop', body: { metadata: { name: at.name }, data: { mode: 'fast' } } })
      const made = await api.readNamespacedConfigMap(at)
      await api.replaceNamespacedConfigMap({ ...at, body: { metadata: made.metadata ?? {}, data: { mode: 'slow' } } })
      await api.patchNamespacedConfigMap({ ...at, body: [{ op: 'add', path: '/data/more', value: 'ü' }] })
      const { items } = await api.listNamespacedConfigMap({ namespace: 'shop', fieldSelector: `metadata.name=${at.name}` })
      const stale = await api.replaceNamespacedConfigMap({ ...at, body: made }).then(
        () => 'taken',
        (error: { code?: number }) => error.code,
      )
      await api.deleteNamespacedConfigMap(at)
      const gone = await api.readNamespacedConfigMap(at).then(
        () => 'there',
        (error: { code?: number }) => error.code,
      )
      seen.push([made.data, items.map(({ data }) => data), stale, gone])
    }
    assert.deepEqual(seen[0], [{ mode: 'fast' }, [{ mode: 'slow', more: 'ü' }], 409, 404])
    assert.deepEqual(seen[1], seen[0])
  })

  it('watches', async () => {
    for (const way of ways) {
      const name = `watched-${way}`
      const events: string[] = []
      const controller = await new Promise<AbortController>((resolve, reject) => {
        const params = { fieldSelector: `metadata.name=${name}` }
        const take = (type: string, object: { metadata: { name: string } }): void => {
          events.push(`${type} ${object.metadata.name}`)
          if (type === 'DELETED') started.then(resolve, reject)
        }
        const started = new Watch(configOf(way)).watch('/api/v1/namespaces/shop/configmaps', params, take, () => undefined)
        started
          .then(async () => {
            // A watch without a version begins with what is there: it misses nothing.
            await stage.api.ask('POST', '/api/v1/namespaces/shop/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
            await stage.api.ask('DELETE', `/api/v1/namespaces/shop/configmaps/${name}`)
          })
          .catch(reject)
      })
      controller.abort()
      assert.deepEqual(events, [`ADDED ${name}`, `DELETED ${name}`])
    }
  })

  it('follows logs', async () => {
    for (const way of ways) {
      const out = new PassThrough()
      await new Log(configOf(way)).log('shop', 'web', 'app', out, { follow: true })
      assert.equal(await text(out), 'one\ntwo\n')
    }
  })

  it('runs commands with input, and is told how they ended', async () => {
    for (const way of ways) {
      const [out, errors] = [new PassThrough(), new PassThrough()]
      const words = Promise.all([text(out), text(errors)])
      const status = await new Promise<V1Status>((resolve, reject) => {
        new Exec(configOf(way))
          .exec(
            'shop',
            'web',
            'app',
            ['sh', '-c', 'head -c 6; echo err >&2; exit 4'],
            out,
            errors,
            Readable.from(['hello\n']),
            false,
            resolve,
          )
          .catch(reject)
      })
      out.end()
      errors.end()
      assert.deepEqual(await words, ['hello\n', 'err\n'])
      assert.deepEqual(
        status.details?.causes?.map(({ message }) => message),
        ['4'],
      )
    }
  })

  it('is shown no Secret where they are hidden', async () => {
    const api = configOf('prod').makeApiClient(CoreV1Api)
    const [one, all] = [await api.readNamespacedSecret({ namespace: 'shop', name: 'db' }), await api.listSecretForAllNamespaces()]
    assert.deepEqual(Object.keys(one.data ?? {}), ['password'])
    assertUnseen(JSON.stringify([one, all]), [canary], 'the client library')
  })
})
