// Raw requests of every form that the API server knows: what is hidden never comes, packed or not, whole or as a table, once or as a watch.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertUnseen } from './canary.ts'
import { applyCanaries } from './canary-objects.ts'
import type { CanaryObjects } from './canary-objects.ts'
import { openStage } from './stage.ts'
import type { RealStage } from './stage.ts'

const media = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
const shapes = [
  '',
  ';as=Table;v=v1;g=meta.k8s.io',
  ';as=Table;v=v1beta1;g=meta.k8s.io',
  ';as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  ';as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io',
  ';as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  ';as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io',
  ';stream=watch',
  ';pretty=1',
]
const accepts: readonly (string | undefined)[] = [
  ...media.flatMap(type => shapes.map(shape => type + shape)),
  undefined,
  '',
  '*/*',
  'application/*',
  'application/*;q=0.1,*/*;q=0.9',
  'text/html, application/xhtml+xml, */*;q=0.8',
  'application/vnd.kubernetes.protobuf,application/json',
  'application/json;q=0.1,application/vnd.kubernetes.protobuf;q=1.0',
  'application/vnd.kubernetes.protobuf;q=0,application/json',
  'application/json;q=0,application/vnd.kubernetes.protobuf',
  'APPLICATION/VND.KUBERNETES.PROTOBUF',
  'Application/Json',
  'application/json ; as=Table ; v=v1 ; g=meta.k8s.io',
  'application/json;g=meta.k8s.io;v=v1;as=Table',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/yaml',
  'application/yaml,application/json',
  'application/json;as=Table;v=v1;g=meta.k8s.io;charset=utf-8',
  'application/json,application/vnd.kubernetes.protobuf;stream=watch',
  '"application/yaml"',
  'application/cbor',
  'application/json;as=Nothing;v=v1;g=meta.k8s.io,application/yaml',
]

const objects = '/api/v1/namespaces/shop'
const targets = [
  `${objects}/secrets/db`,
  `${objects}/secrets`,
  `${objects}/secrets/big`,
  `${objects}/configmaps/settings`,
  `${objects}/configmaps`,
  '/api/v1/secrets?limit=500',
  ...['None', 'Metadata', 'Object'].flatMap(include => [
    `${objects}/secrets?includeObject=${include}`,
    `${objects}/configmaps/settings?includeObject=${include}`,
  ]),
]
const watches = [
  `${objects}/secrets?watch=1`,
  `${objects}/configmaps?watch=true&fieldSelector=metadata.name%3Dsettings`,
  '/api/v1/watch/secrets',
  `/api/v1/watch/namespaces/shop/configmaps/settings`,
  `${objects}/secrets?watch=1&includeObject=Object&timeoutSeconds=1`,
]

const patch = (kind: string): string => `application/${kind}-patch+json`
const job = '/apis/batch/v1/namespaces/shop/jobs/migrate'
const annotation = '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration'
/** Writes that fail. `isTelling`: the server's own words hold the canary. */
const failures: readonly Failure[] = [
  ...['secrets/db', 'configmaps/settings'].flatMap((name): readonly Failure[] => [
    failing('PATCH', `${objects}/${name}`, patch('merge'), '{"data":{"n":1}}'),
    failing('PATCH', `${objects}/${name}?dryRun=All`, patch('merge'), '{"data":{"n":1}}'),
    failing('PATCH', `${objects}/${name}`, patch('merge'), '{"metadata":{"labels":1}}'),
    failing('PATCH', `${objects}/${name}`, patch('json'), '[{"op":"add","path":"/data/n","value":1}]'),
    failing('PATCH', `${objects}/${name}`, patch('json'), '[{"op":"add","path":"/metadata","value":1}]'),
    failing('PATCH', `${objects}/${name}`, patch('json'), `[{"op":"copy","from":"${annotation}","path":"/metadata/labels"}]`),
    failing('PATCH', `${objects}/${name}`, patch('json'), `[{"op":"move","from":"${annotation}","path":"/metadata/generateName"}]`),
    failing(
      'PATCH',
      `${objects}/${name}`,
      patch('json'),
      `[{"op":"add","path":"/metadata/labels","value":{}},{"op":"copy","from":"${annotation}","path":"/metadata/labels/x"}]`,
    ),
    failing('PATCH', `${objects}/${name}`, patch('strategic-merge'), '{"data":{"n":1}}', false),
    failing('PATCH', `${objects}/${name}?fieldManager=x`, 'application/apply-patch+yaml', '{"data":{"password":1}}', false),
  ]),
  failing('PATCH', `${objects}/secrets/db`, patch('merge'), '{"data":{"n":"!"}}'),
  failing('PATCH', `${objects}/secrets/db`, patch('merge'), '{"type":"other"}', false),
  failing('PUT', `${objects}/secrets/db`, 'application/json', secretOf('db', '{"password":"CANARY!"}')),
  failing('POST', `${objects}/secrets`, 'application/json', secretOf('new', '{"password":"CANARY!"}')),
  failing('POST', `${objects}/secrets`, 'application/json', secretOf('new', '"CANARY"')),
  failing('POST', `${objects}/secrets`, 'application/json', secretOf('db', '{"password":""}'), false),
  failing('PATCH', job, patch('strategic-merge'), '{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"other"}]}}}}'),
  failing('PATCH', job, patch('merge'), '{"spec":{"completions":"many"}}'),
]

interface Failure {
  readonly method: string
  readonly target: string
  readonly type: string
  readonly body: string
  readonly isTelling: boolean
}

function failing(method: string, target: string, type: string, body: string, isTelling = true): Failure {
  return { method, target, type, body, isTelling }
}

function secretOf(name: string, data: string): string {
  return `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"${name}"},"data":${data}}`
}

describe('raw requests to a real API server', () => {
  let stage: RealStage
  let canaries: CanaryObjects
  before(async () => {
    stage = await openStage()
    canaries = await applyCanaries(stage)
    const env = [{ name: 'PASSWORD', value: canaries.secret.value }]
    const spec = { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app', env }] }
    await stage.api.ask('POST', '/apis/batch/v1/namespaces/shop/jobs', {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'migrate' },
      spec: { template: { spec } },
    })
  })
  after(() => stage.stop())

  for (const accept of accepts) {
    it(`show nothing that is hidden to a client that accepts ${accept ?? 'nothing in particular'}`, async () => {
      const headers = { 'accept-encoding': 'gzip, deflate, br', ...(accept === undefined ? {} : { accept }) }
      let [isLeaking, wasAnswered] = [false, false]
      for (const target of targets) {
        const [direct, through] = await Promise.all([
          stage.request('direct', 'GET', target, { headers }),
          stage.request('prod', 'GET', target, { headers }),
        ])
        isLeaking ||= canaries.all.some(canary => canary.isIn(direct.body))
        assert.ok(through.body.length > 0, `${target} is answered`)
        assertUnseen(Buffer.concat([through.body, Buffer.from(JSON.stringify(through.headers))]), canaries.all, `GET ${target}`)
        // What the server gives in some form, the client gets as JSON.
        if (direct.status === 200) assert.equal(through.status, 200, `${target}: ${through.body.toString()}`)
        if (through.status === 200) assert.match(String(through.headers['content-type']), /^application\/json/)
        wasAnswered ||= direct.status === 200
      }
      // The direct way shows that there was something to hide.
      assert.equal(isLeaking, wasAnswered)
    })
  }

  for (const target of watches) {
    it(`show nothing that is hidden in GET ${target}`, async () => {
      for (const accept of accepts) {
        const headers = accept === undefined ? {} : { accept }
        const isEnough = (body: Buffer): boolean => body.includes('\n') || body.length > 400
        const direct = await stage.request('direct', 'GET', target, { headers, until: isEnough })
        const through = await stage.request('prod', 'GET', target, { headers, until: isEnough })
        assertUnseen(through.body, canaries.all, `GET ${target} with ${accept ?? 'no'} accept`)
        assert.ok(through.body.length > 0 || direct.body.length === 0, `${accept ?? 'no accept'} brings an event`)
      }
    })
  }

  it('answer writes without what is hidden, in each form', async () => {
    const patches: readonly (readonly [string, string])[] = [
      ['application/merge-patch+json', '{"metadata":{"labels":{"a":"1"}}}'],
      ['application/strategic-merge-patch+json', '{"metadata":{"labels":{"a":"2"}}}'],
      ['application/json-patch+json', '[{"op":"add","path":"/metadata/labels/a","value":"3"}]'],
    ]
    for (const target of [`${objects}/secrets/db`, `${objects}/configmaps/settings`]) {
      for (const [type, body] of patches) {
        for (const accept of accepts) {
          const headers = { 'content-type': type, ...(accept === undefined ? {} : { accept }) }
          const answered = await stage.request('prod', 'PATCH', `${target}?dryRun=All`, { headers, body })
          assertUnseen(answered.body, canaries.all, `PATCH ${target} (${type}) with ${accept ?? 'no'} accept`)
        }
        const written = await stage.request('prod', 'PATCH', target, { headers: { 'content-type': type }, body })
        assert.equal(written.status, 200, written.body.toString())
        assertUnseen(written.body, canaries.all, `PATCH ${target} (${type})`)
      }
    }
  })

  it('cannot move a hidden value to where it is shown, nor ask whether it equals something', async () => {
    const target = `${objects}/secrets/db`
    const encoded = Buffer.from(canaries.secret.value).toString('base64')
    const probes: readonly object[] = [
      { op: 'copy', from: '/data/password', path: '/metadata/annotations/x' },
      { op: 'move', from: '/data/password', path: '/metadata/annotations/x' },
      { op: 'copy', from: '/data', path: '/metadata/annotations' },
      { op: 'copy', from: '', path: '/metadata/annotations/x' },
      { op: 'test', path: '/data/password', value: encoded },
      { op: 'test', path: '/data', value: { password: encoded, user: 'c2hvcA==' } },
      { op: 'test', path: '', value: {} },
      { op: 'test', path: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration', value: '' },
      {
        op: 'copy',
        from: '/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration',
        path: '/metadata/annotations/x',
      },
    ]
    for (const probe of probes) {
      const headers = { 'content-type': 'application/json-patch+json' }
      const answered = await stage.request('prod', 'PATCH', target, { headers, body: JSON.stringify([probe]) })
      assertUnseen(answered.body, canaries.all, JSON.stringify(probe))
      const seen = await stage.request('prod', 'GET', target)
      assertUnseen(seen.body, canaries.all, `a look after ${JSON.stringify(probe)}`)
    }
  })

  for (const { method, target, type, body, isTelling } of failures) {
    it(`are refused without a word of what is hidden: ${method} ${target} (${type}) ${body}`, async () => {
      const sent = body.replaceAll('CANARY', canaries.secret.value)
      const [direct, through] = [
        await stage.request('direct', method, target, { headers: { 'content-type': type }, body: sent }),
        await stage.request('prod', method, target, { headers: { 'content-type': type }, body: sent }),
      ]
      assert.ok(direct.status >= 400, `it fails: ${direct.status}`)
      if (isTelling)
        assert.ok(
          canaries.all.some(canary => canary.isIn(direct.body)),
          'the server itself quotes it',
        )
      assertUnseen(through.body, canaries.all, `${method} ${target}`)
      assert.ok(through.status === direct.status || through.status === 403, through.body.toString())
      assert.match((JSON.parse(through.body.toString()) as { message: string }).message, /./)
    })
  }

  it('leave none of it in the recording, which verifies', async () => {
    assertUnseen(await stage.seal(), canaries.all, 'the recording')
    const verified = await stage.verify()
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
  })
})
