// What an API server says when it refuses a write quotes the object: nothing of what is hidden may stand in it, and what is not may stay.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MaskRule } from '../../gateway/core/mask-rule.ts'
import type { ObjectMask } from '../../gateway/core/masker.ts'
import { maskerFor } from '../../gateway/mask/masker-for.ts'
import { identity, orders } from '../session/samples.ts'

const CANARY = 'hunter2-canary-value'
const field = (resource: string, ...path: string[]): Pick<MaskRule, 'fields'> => ({ fields: [{ resource, path }] })

function maskThat(...rules: Partial<MaskRule>[]): ObjectMask {
  const base = { on: null, columns: [], patterns: [], fields: [], with: { kind: 'redact' }, unless: [], inference: 'allow' } as const
  const full = rules.map((rule, index) => ({ ...base, name: `rule-${index}`, ...rule }))
  const masks = maskerFor(full, Buffer.alloc(32, 7))(identity, { ...orders, protocol: 'kubernetes' }).objects
  assert.ok(masks !== undefined)
  return masks
}

interface Cause {
  readonly field: string
  readonly message: string
}
interface Status {
  readonly message: string
  readonly details: { readonly causes: readonly Cause[] }
}

function failed(message: string, reason: string, causes: readonly Cause[] = [], more: object = {}): object {
  const details = { name: 'db', kind: 'Secret', causes: causes.map(cause => ({ reason: 'FieldValueInvalid', ...cause })), ...more }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code: 422 }
}

function shown(masks: ObjectMask, status: object, resource: string, isWrite = true): Status {
  const { json } = masks.applyFailure(Buffer.from(JSON.stringify(status)), resource, isWrite)
  return JSON.parse(json.toString()) as Status
}

describe('the words of a failure', () => {
  it('do not show the object that a patch did not fit', () => {
    const dump = JSON.stringify({ kind: 'Secret', data: { n: 1, password: CANARY } })
    const message = `Invalid value: ${JSON.stringify(dump)}: expects " or n`
    const { json, covered } = maskThat().applyFailure(
      Buffer.from(JSON.stringify(failed(` "" is invalid: patch: ${message}`, 'Invalid', [{ field: 'patch', message }]))),
      'secrets',
      true,
    )
    assert.ok(!json.includes(CANARY), json.toString())
    assert.match(json.toString(), /"field":"patch"/)
    assert.deepEqual(covered, [{ rule: 'secrets', field: 'secrets:failure', values: 1 }])
  })

  it('keep what the server says of fields that are not hidden, beside one that is', () => {
    const status = shown(
      maskThat(field('jobs.batch', 'spec', 'template', 'spec', 'containers', 'env', 'value')),
      failed('all of it', 'Invalid', [
        { field: 'metadata.labels', message: 'Invalid value: "a b": a label has no blanks' },
        { field: 'spec.template', message: `Invalid value: core.PodTemplateSpec{Value:"${CANARY}"}: field is immutable` },
        { field: 'spec.template.spec.containers[0].env[1].value', message: `Invalid value: "${CANARY}"` },
        { field: 'spec.template.spec.containers[0].image', message: 'Required value' },
        { field: 'metadata.annotations', message: `Invalid value: "${CANARY}"` },
      ]),
      'jobs.batch',
    )
    assert.ok(!JSON.stringify(status).includes(CANARY), JSON.stringify(status))
    assert.match(
      status.message,
      /^Secret "db" is invalid: \[metadata\.labels: Invalid value: "a b": a label has no blanks, spec\.template: \(not shown/,
    )
    assert.deepEqual(
      status.details.causes.map(({ message }) => message.startsWith('(not shown')),
      [false, true, true, false, true],
    )
  })

  it('stay as they are where they name objects, people and versions only', () => {
    for (const [message, reason] of [
      ['secrets "db" not found', 'NotFound'],
      ['secrets "db" already exists', 'AlreadyExists'],
      ['secrets "db" is forbidden: User "dev" cannot patch resource "secrets" in API group "" in the namespace "shop"', 'Forbidden'],
      ['secrets "db" is forbidden: exceeded quota: few, requested: secrets=1, used: secrets=5, limited: secrets=5', 'Forbidden'],
      ['Operation cannot be fulfilled on secrets "db": the object has been modified; please apply your changes', 'Conflict'],
      ['Apply failed with 1 conflict: conflict with "helm" using v1: .data.password', 'Conflict'],
      ['the name of the object (a) does not match the name on the URL (b)', 'BadRequest'],
    ] as const) {
      const status = failed(message, reason)
      assert.deepEqual(shown(maskThat(), status, 'secrets'), status)
    }
  })

  it('are left out where anybody may have written them, and everywhere else that is not known', () => {
    for (const [message, reason] of [
      [`admission webhook "deny.example" denied the request: the password ${CANARY} is weak`, 'NotFound'],
      [`Secret in version "v1" cannot be handled as a Secret: bigger context ...|{"password":"${CANARY}"}|...`, 'BadRequest'],
      [`Internal error occurred: cannot convert {"token":"${CANARY}"}`, 'InternalError'],
      [`Apply failed with 1 conflict: conflict with "x" using v1: .spec.tokens[="${CANARY}"]`, 'Conflict'],
      [`db is forbidden: ${CANARY}`, 'Forbidden'],
      [`something: ${CANARY}`, ''],
    ] as const) {
      const { message: said } = shown(maskThat(), failed(message, reason, [{ field: `.spec[="x"]`, message: CANARY }]), 'secrets')
      assert.ok(!said.includes(CANARY), said)
    }
    const denied = shown(maskThat(), failed(`admission webhook "deny.example" denied the request: ${CANARY}`, ''), 'secrets')
    assert.match(denied.message, /^admission webhook "deny\.example" denied the request: \(not shown/)
  })

  it('of a read tell what was wrong with the question', () => {
    const status = failed("unable to parse requirement: found '(', expected: ')'", 'BadRequest')
    assert.deepEqual(shown(maskThat(), status, 'secrets', false), status)
  })

  it('that are about another object are left out when they quote one that is hidden', () => {
    for (const dump of [
      JSON.stringify(JSON.stringify({ spec: { kind: 'Secret', data: { password: CANARY } } })),
      `map[apiVersion:v1 data:map[password:${CANARY}] kind:Secret]`,
      `v1.Secret{Data:map[string][]uint8{"password":"${CANARY}"}}`,
    ]) {
      const cause = { field: 'spec', message: `Invalid value: ${dump}: no` }
      const status = shown(maskThat(), failed(`Widget "w" is invalid: spec: ${cause.message}`, 'Invalid', [cause]), 'widgets.shop.example')
      assert.ok(!JSON.stringify(status).includes(CANARY), JSON.stringify(status))
    }
    const plain = failed('Widget "w" is invalid', 'Invalid', [{ field: 'spec', message: 'Required value' }])
    assert.deepEqual(shown(maskThat(), plain, 'widgets.shop.example'), plain)
  })

  it('in a form of its own are not shown at all where something is hidden', () => {
    const own = { error: `the token ${CANARY} does not fit` }
    const masks = maskThat(field('widgets.shop.example', 'spec', 'token'))
    assert.match(shown(masks, own, 'widgets.shop.example').message, /^the server refused it: \(not shown/)
    assert.deepEqual(shown(masks, own, 'gadgets.shop.example'), own)
  })

  it('come in a watch as well', () => {
    const event = { type: 'ERROR', object: failed(`Internal error occurred: {"password":"${CANARY}"}`, 'InternalError') }
    assert.ok(
      !maskThat()
        .apply(Buffer.from(JSON.stringify(event)), 'secrets')
        .json.includes(CANARY),
    )
  })
})
