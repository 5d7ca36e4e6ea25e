// Fields of API objects are hidden wherever the API puts them, numbers keep their digits, and what is written back is recognised.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { MaskRule } from '../../gateway/core/mask-rule.ts'
import type { ObjectMask } from '../../gateway/core/masker.ts'
import { maskerFor } from '../../gateway/mask/masker-for.ts'
import { identity, orders } from '../session/samples.ts'

const CANARY = 'hunter2-canary-value'
const ENCODED = Buffer.from(CANARY).toString('base64')

function maskThat(rules: readonly Partial<MaskRule>[] = []): ObjectMask {
  const full = rules.map((rule, index) => ({
    name: `rule-${index}`,
    on: null,
    columns: [],
    patterns: [],
    fields: [],
    with: { kind: 'redact' as const },
    unless: [],
    inference: 'allow' as const,
    ...rule,
  }))
  const masks = maskerFor(full, Buffer.alloc(32, 7))(identity, { ...orders, protocol: 'kubernetes' }).objects
  assert.ok(masks !== undefined)
  return masks
}

const apply = (masks: ObjectMask, value: unknown, resource: string): Record<string, unknown> =>
  JSON.parse(masks.apply(Buffer.from(JSON.stringify(value)), resource).json.toString()) as Record<string, unknown>

function assertHidden(value: unknown): void {
  const text = JSON.stringify(value)
  assert.ok(!text.includes(CANARY) && !text.includes(ENCODED), text)
}

describe('the mask of objects', () => {
  const secret = {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { name: 'db' },
    data: { password: ENCODED },
    stringData: { password: CANARY },
  }

  it('hides the data of Secrets without being told, in every form they come in', () => {
    const masks = maskThat()
    const copy = { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify(secret)}\n` } }
    for (const value of [
      secret,
      { items: [secret, { ...secret, kind: undefined }] },
      { type: 'MODIFIED', object: secret },
      { kind: 'Table', rows: [{ cells: ['db', 'Opaque'], object: secret }] },
      { kind: 'Table', rows: [{ cells: ['db'], object: { kind: 'PartialObjectMetadata', metadata: copy } }] },
      { ...secret, metadata: { name: 'db', ...copy } },
      { ...secret, metadata: { name: 'db', annotations: { note: `the password is ${CANARY}`, [`key-${CANARY}`]: 'x' } } },
      { ...secret, metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{broken' + CANARY } } },
    ]) {
      assertHidden(apply(masks, value, 'secrets'))
    }
    const inside = { kind: 'Deployment', spec: { template: { metadata: copy, extra: [secret] } } }
    assertHidden(apply(masks, inside, 'deployments.apps'))
  })

  it('hides named fields by their path, in lists and under any key', () => {
    const masks = maskThat([
      { fields: [{ resource: 'configmaps', path: ['data', 'password'] }] },
      { fields: [{ resource: 'pods', path: ['spec', 'containers', 'env', 'value'] }] },
      { fields: [{ resource: 'widgets.shop.example', path: ['spec', '*'] }] },
    ])
    assert.deepEqual(apply(masks, { data: { password: CANARY, mode: 'fast' } }, 'configmaps')['data'], {
      password: '[redacted]',
      mode: 'fast',
    })
    assertHidden(apply(masks, { spec: { containers: [{ env: [{ name: 'A', value: CANARY }] }, { env: [{ value: CANARY }] }] } }, 'pods'))
    assertHidden(
      apply(masks, { kind: 'Table', rows: [{ cells: ['w', CANARY], object: { spec: { token: CANARY } } }] }, 'widgets.shop.example'),
    )
    assert.deepEqual(apply(masks, { data: { password: 'x' } }, 'pods')['data'], { password: 'x' }, 'another resource is not covered')
  })

  it('hides the fields of a kind wherever an object of it stands, alone, in a list and in a copy', () => {
    const masks = maskThat([
      { fields: [{ resource: 'configmaps', path: ['data', 'password'] }] },
      { fields: [{ resource: 'ingresses.networking.k8s.io', path: ['spec', 'token'] }] },
    ])
    const settings = { apiVersion: 'v1', kind: 'ConfigMap', data: { password: CANARY, mode: 'fast' } }
    const ingress = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', spec: { token: CANARY } }
    for (const inside of [
      { spec: { resources: [settings, ingress] } },
      { spec: { objects: { apiVersion: 'v1', kind: 'List', items: [settings, secret] } } },
      { spec: { objects: { apiVersion: 'v1', kind: 'ConfigMapList', items: [{ data: settings.data }] } } },
      { spec: { objects: { apiVersion: 'v1', kind: 'SecretList', items: [{ data: secret.data }] } } },
      { metadata: { annotations: { original: JSON.stringify(settings) } } },
      { metadata: { annotations: { all: JSON.stringify({ kind: 'SecretList', items: [{ data: secret.data }] }) } } },
      { kind: 'List', items: [{ spec: { template: settings } }] },
    ]) {
      const json = Buffer.from(JSON.stringify(inside))
      assert.ok(masks.mayCover(json, 'widgets.shop.example'))
      assertHidden(apply(masks, inside, 'widgets.shop.example'))
    }
    assertHidden(apply(masks, ingress, 'ingresses.extensions'))
    const shown = apply(masks, { kind: 'List', items: [settings] }, 'configmaps')
    assert.deepEqual(shown['items'], [{ ...settings, data: { password: '[redacted]', mode: 'fast' } }])
  })

  it('hides a packed copy in an annotation where the object has something to hide', () => {
    const packed = gzipSync(JSON.stringify(secret)).toString('base64')
    const object = { metadata: { annotations: { 'objectset.rio.cattle.io/applied': packed, note: 'seen' } } }
    const { metadata } = apply(maskThat(), object, 'secrets') as { metadata: { annotations: Record<string, string> } }
    assert.deepEqual(metadata.annotations, { 'objectset.rio.cattle.io/applied': '[redacted]', note: 'seen' })
    assert.deepEqual(apply(maskThat(), object, 'pods'), object)
  })

  it('covers what stands in lists within lists in a time that does not double with each', () => {
    let nested: object = { data: secret.data }
    for (let depth = 0; depth < 60; depth += 1) nested = { kind: depth % 2 === 0 ? 'SecretList' : 'ConfigMapList', items: [nested] }
    const masks = maskThat([{ fields: [{ resource: 'configmaps', path: ['data', 'password'] }] }])
    assertHidden(apply(masks, { spec: nested }, 'widgets.shop.example'))
  })

  it('keeps every digit of numbers, and the order of keys', () => {
    const masks = maskThat()
    for (const text of [
      '{"a":12345678901234567890,"b":1.10,"c":1e3,"data":{"p":"cA=="},"d":-0}',
      '{"z":1,"a":2,"data":{"p":"cA=="},"big":0.12345678901234567}',
      '{"digits":"1234567890123456789e5","data":{"p":"cA=="},"n":1}',
    ]) {
      const shown = masks.apply(Buffer.from(text), 'secrets').json.toString()
      assert.equal(shown, text.replace('cA==', Buffer.from('[redacted]').toString('base64')))
    }
  })

  it('refuses what is no JSON, and what is nested deeper than any object', () => {
    const masks = maskThat()
    for (const text of ['', '{', '{"a":1}x', '\u00ff', `${'{"a":'.repeat(300)}1${'}'.repeat(300)}`]) {
      assert.throws(() => masks.apply(Buffer.from(text, 'latin1'), 'secrets'), JSON.stringify(text.slice(0, 20)))
    }
  })

  it('knows its own mark when it comes back, plain, encoded or escaped', () => {
    const masks = maskThat()
    const encoded = Buffer.from('[redacted]').toString('base64')
    for (const text of [
      '{"a":"[redacted]"}',
      `{"data":{"p":"${encoded}"}}`,
      String.raw`{"a":"\u005bredacted]"}`,
      `{"data":{"p":"${Buffer.from('[redacted]abcd').toString('base64')}"}}`,
    ]) {
      assert.ok(masks.hasMarker(Buffer.from(text)), text)
    }
    assert.ok(!masks.hasMarker(Buffer.from('{"a":"redacted"}')))
  })

  it('says when nothing can need a cover, and never wrongly', () => {
    const masks = maskThat()
    assert.ok(masks.mayCover(Buffer.from('{}'), 'secrets'))
    assert.ok(!masks.mayCover(Buffer.from('{"kind":"Pod"}'), 'pods'))
    assert.ok(masks.mayCover(Buffer.from('{"kind":"Secret"}'), 'pods'))
    assert.ok(masks.mayCover(Buffer.from(String.raw`{"kind":"\u0053ecret"}`), 'pods'))
  })
})
