// `env://`: the launcher's variable, whole or one field, and nothing of this process's own environment.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createEnvSource, hiddenVariables } from '../../../gateway/adapter/env/env-source.ts'
import type { CredentialRef } from '../../../gateway/core/connection.ts'
import type { CredentialContext, Lease } from '../../../gateway/core/credential.ts'
import { parseCredentialRef } from '../../../gateway/policy/credential-ref.ts'

const context: CredentialContext = { idToken: () => Promise.reject(new Error('no token is needed')), publicKey: null, login: null }
const signal = new AbortController().signal

function refOf(text: string): CredentialRef {
  const parsed = parseCredentialRef(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.ref
}

function acquire(text: string, environment: Readonly<Record<string, string>>): Promise<Lease> {
  return createEnvSource(environment).acquire(refOf(text), context, signal)
}

const reveal = (lease: Lease): string => lease.secret.reveal().toString()

describe('env source', () => {
  it('gives the variable as it is, without one line end', async () => {
    const lease = await acquire('env://ORDERS_PW', { ORDERS_PW: ' päss word\n' })
    assert.equal(reveal(lease), ' päss word')
    assert.deepEqual(
      [lease.kind, lease.username, lease.expiresAt, lease.certificate, lease.receipt],
      ['password', null, null, null, 'env://ORDERS_PW'],
    )
  })

  it('gives a field of JSON by name or pointer', async () => {
    const environment = { DB: '{"password":"p","a":[{"b/c~d":"deep"}]}' }
    assert.equal(reveal(await acquire('env://DB#password', environment)), 'p')
    assert.equal(reveal(await acquire('env://DB#/a/0/b~1c~0d', environment)), 'deep')
  })

  it('knows a private key when it sees one, and leaves it as it is', async () => {
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n'
    const lease = await acquire('env://KEY', { KEY: key })
    assert.deepEqual([lease.kind, reveal(lease)], ['ssh-key', key])
  })

  it('refuses what is unset, empty, of another kind, or not understood, without repeating it', async () => {
    const environment = {
      EMPTY: '',
      LINE: '\n',
      TEXT: 'canary-plain',
      JSON: '{"number":1,"empty":"","list":["canary-item"]}',
      LONG: 'x'.repeat(70_000),
    }
    process.env['SALLYPORT_TEST_OWN'] = 'canary-own'
    const cases: readonly [string, RegExp][] = [
      ['env://MISSING', /not set/],
      ['env://SALLYPORT_TEST_OWN', /not set/],
      ['env://toString', /not set/],
      ['env://EMPTY', /empty/],
      ['env://LINE', /empty/],
      ['env://TEXT#password', /not JSON/],
      ['env://JSON#number', /not a text/],
      ['env://JSON#empty', /empty/],
      ['env://JSON#missing', /no field missing/],
      ['env://JSON#constructor', /no field/],
      ['env://JSON#/list/1', /no field/],
      ['env://TEXT?version=1', /parameter version/],
      ['env://LONG', /more than 65536 bytes/],
    ]
    for (const [text, words] of cases) {
      await assert.rejects(acquire(text, environment), error => {
        assert.ok(error instanceof Error)
        assert.match(error.message, words, text)
        assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /canary/)
        assert.equal('code' in error && error.code, 'CREDENTIAL_UNAVAILABLE')
        return true
      })
    }
    delete process.env['SALLYPORT_TEST_OWN']
  })

  it('names the variables that the job must not see', () => {
    const refs = ['env://A', 'env://B#x', 'env://A#y', 'file:///run/secrets/b'].map(refOf)
    assert.deepEqual(hiddenVariables(refs), ['A', 'B'])
  })
})
