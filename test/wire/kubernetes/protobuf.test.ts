// Objects in the API's protobuf form: read as the server reads them, or refused.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { readFields } from '../../../gateway/wire/kubernetes/protobuf.ts'
import { isProtobuf, readProtobufObject } from '../../../gateway/wire/kubernetes/protobuf-object.ts'
import { bytes, envelope, number, secret } from './protobuf-writer.ts'

describe('an object in protobuf', () => {
  it('as client-go wrote it is read', () => {
    // kubectl create configmap settings --from-literal=mode=fast, of kubectl 1.36.
    const body = Buffer.from('azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiwKHAoIc2V0dGluZ3MSABoEc2hvcCIAKgAyADgAQgASDAoEbW9kZRIEZmFzdBoAIgA=', 'base64')
    assert.deepEqual(readProtobufObject(body), {
      object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'shop' }, data: { mode: 'fast' } },
      isWhole: true,
    })
  })

  it('that is a Secret is read whole, with its bytes in base64', () => {
    const { object, isWhole } = readProtobufObject(
      secret({ name: 'db', data: { password: Buffer.from([0xff, 0, 1]) }, stringData: { user: 'ci' } }),
    )
    assert.ok(isWhole)
    assert.deepEqual(object, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'db' },
      type: 'Opaque',
      data: { password: '/wAB' },
      stringData: { user: 'ci' },
    })
  })

  it('of a kind that is not read says who it is, and that it is not whole', () => {
    const metadata = bytes(1, Buffer.concat([bytes(2, 'web-'), bytes(3, 'shop')]))
    const { object, isWhole } = readProtobufObject(envelope('apps/v1', 'Deployment', Buffer.concat([metadata, bytes(2, 'anything')])))
    assert.deepEqual(object, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { generateName: 'web-', namespace: 'shop' } })
    assert.equal(isWhole, false)
    const more = envelope('v1', 'ConfigMap', bytes(9, 'a field of a later version'))
    assert.equal(readProtobufObject(more).isWhole, false)
  })

  it('with the options of a deletion is read', () => {
    const options = Buffer.concat([number(1, 30n), bytes(4, 'Background'), bytes(5, 'All')])
    assert.deepEqual(readProtobufObject(envelope('v1', 'DeleteOptions', options)).object, {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 30,
      propagationPolicy: 'Background',
      dryRun: ['All'],
    })
  })

  it('that two readers could read differently is refused', () => {
    const name = bytes(1, bytes(1, 'a'))
    for (const body of [
      envelope('v1', 'Secret', Buffer.concat([name, name])),
      envelope('v1', 'Secret', bytes(1, Buffer.concat([bytes(1, 'a'), bytes(1, 'b')]))),
      envelope(
        'v1',
        'Secret',
        Buffer.concat([bytes(2, Buffer.concat([bytes(1, 'k'), bytes(2, 'v')])), bytes(2, Buffer.concat([bytes(1, 'k'), bytes(2, 'w')]))]),
      ),
      envelope('v1', 'Secret', number(1, 5n)),
      envelope('v1', 'Secret', bytes(1, bytes(1, Buffer.from([0xff])))),
      Buffer.concat([envelope('v1', 'Secret', name), bytes(2, name)]),
      Buffer.concat([envelope('v1', 'Secret', name), bytes(3, 'gzip')]),
      Buffer.concat([envelope('v1', 'Secret', name), bytes(4, 'application/json')]),
      Buffer.from('{"kind":"Secret"}'),
      Buffer.from('k8s\0\x0b\x0c', 'latin1'),
    ]) {
      assert.throws(() => readProtobufObject(body), RangeError, body.toString('hex'))
    }
  })

  it('cut anywhere is refused, or is an object of its own', () => {
    const body = secret({ name: 'db', data: { password: Buffer.from('hunter2') }, stringData: {} })
    for (let end = 0; end < body.length; end += 1) {
      try {
        const { object } = readProtobufObject(body.subarray(0, end))
        assert.ok(!('data' in object))
      } catch (error) {
        assert.ok(error instanceof RangeError)
      }
    }
  })

  it('never fails with anything but a refusal, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), noise => {
        const body = Buffer.concat([Buffer.from('k8s\0'), noise])
        assert.ok(isProtobuf(body))
        for (const read of [() => readProtobufObject(body), () => readFields(Buffer.from(noise))]) {
          try {
            read()
          } catch (error) {
            assert.ok(error instanceof RangeError)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
