import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSshRunKeys, parseKey } from '../../../gateway/engine/ssh/run-keys.ts'

describe('the keys of a run', () => {
  it('can all be read, also those whose public half begins with a zero', () => {
    // The library itself writes one key in 256 so that nobody can read it.
    for (let made = 0; made < 500; made += 1) {
      const keys = createSshRunKeys()
      for (const key of [keys.hostKey, keys.clientKey, keys.loginKey]) {
        assert.equal(parseKey(key).getPublicSSH().length, 51)
      }
    }
  })

  it('tells nothing of a text that is no key', () => {
    assert.throws(
      () => parseKey('-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n'),
      error => error instanceof Error && !`${error.message}${error.stack ?? ''}`.includes('c2VjcmV0'),
    )
  })
})
