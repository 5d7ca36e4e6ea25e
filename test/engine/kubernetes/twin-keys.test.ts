// A key that stands twice in one object is found, at any depth and however it is written; anything else is not taken for one.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assert as check, jsonValue, property } from 'fast-check'
import { twinKey } from '../../../gateway/engine/kubernetes/twin-keys.ts'

describe('a key that stands twice', () => {
  it('is found wherever it stands', () => {
    for (const json of [
      '{"a":1,"a":2}',
      '{"x":[{"b":{}},{"a":1,"c":[],"a":{}}]}',
      String.raw`{"a":1,"\u0061":2}`,
      '{"x":{"a":"b"},"a":"{","y":1,"a":[]}',
      '{"":1,"":2}',
      '{ "a" : "}" , "a" : 1 }',
    ]) {
      assert.ok(twinKey(json) !== null, json)
    }
    assert.equal(twinKey(String.raw`{"a\nb":1,"a\u000ab":2}`), 'a\nb')
  })

  it('is no key of another object, no value and no text', () => {
    for (const json of [
      '{"a":{"a":1},"b":{"a":2}}',
      '["a","a"]',
      '{"a":"a","b":"a"}',
      String.raw`{"a":"\"a\":1,\"a\":2"}`,
      '[{"a":1},{"a":1}]',
    ]) {
      assert.equal(twinKey(json), null, json)
    }
  })

  it('is never found in what was written from a value', () => {
    check(
      property(jsonValue(), value => {
        assert.equal(twinKey(JSON.stringify(value)), null)
      }),
    )
  })
})
