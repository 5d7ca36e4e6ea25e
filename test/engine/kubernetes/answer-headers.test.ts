// The head of an answer says nothing of what its body hides.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { shownHeaders } from '../../../gateway/engine/kubernetes/answer-headers.ts'

const CANARY = 'hunter2-canary-value'
const UNSHOWN = '299 - "sallyport: a warning is not shown, because it may quote what is hidden"'

describe('the head of an answer', () => {
  it('has nothing that stands for the body as the server sent it', () => {
    const from = {
      etag: '"abc"',
      'content-md5': 'q',
      digest: 'sha-256=x',
      'content-digest': 'x',
      'content-encoding': 'gzip',
      'audit-id': '1',
    }
    assert.deepEqual(shownHeaders(from, null, false, []), { 'audit-id': '1' })
  })

  it('keeps warnings about kinds and fields, and of a webhook about an object with something hidden only that there was one', () => {
    const plain = [
      '299 - "policy/v1beta1 PodSecurityPolicy is deprecated in v1.21+, unavailable in v1.25+"',
      String.raw`299 - "unknown field \"spec.replica\""`,
    ]
    const quoting = `299 - "the password ${CANARY} is weak"`
    assert.deepEqual(shownHeaders({ warning: [...plain, quoting].join(', ') }, null, true, []), { warning: [...plain, UNSHOWN] })
    assert.deepEqual(shownHeaders({ warning: [...plain, quoting].join(', ') }, null, false, []), { warning: [...plain, quoting] })
    assert.deepEqual(shownHeaders({ warning: `299 - ${CANARY}` }, null, true, ['299 - "held"']), { warning: ['299 - "held"'] })
  })

  it('has no value that a pattern describes', () => {
    const text = {
      rules: ['cards'],
      mayFind: () => true,
      apply: (value: string) => ({ text: value.replaceAll(CANARY, '[redacted]'), found: new Map() }),
      applyJson: () => assert.fail(),
      applyNested: () => assert.fail(),
    }
    const shown = shownHeaders({ location: `/x?p=${CANARY}`, warning: `299 - "weak: ${CANARY}"` }, text, false, [])
    assert.deepEqual(shown, { location: '/x?p=[redacted]', warning: ['299 - "weak: [redacted]"'] })
  })
})
