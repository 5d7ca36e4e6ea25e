import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCredentialRef } from '../../gateway/policy/credential-ref.ts'

describe('a reference to a credential', () => {
  for (const [text, scheme, source, path, params, field] of [
    ['vault://database/creds/orders-ci', 'vault', 'vault', 'database/creds/orders-ci', {}, null],
    ['vault+eu://secret/data/orders#password', 'vault', 'eu', 'secret/data/orders', {}, 'password'],
    ['vault://kubernetes/creds/ci?namespace=shop', 'vault', 'vault', 'kubernetes/creds/ci', { namespace: 'shop' }, null],
    ['env://ORDERS_PW', 'env', 'env', 'ORDERS_PW', {}, null],
    ['file:///run/secrets/pw', 'file', 'file', '/run/secrets/pw', {}, null],
    ['exec://orders-password', 'exec', 'exec', 'orders-password', {}, null],
    ['aws-ssm:///prod/orders/pw', 'aws-ssm', 'aws-ssm', '/prod/orders/pw', {}, null],
    ['gcp-sm://project/secret?version=3', 'gcp-sm', 'gcp-sm', 'project/secret', { version: '3' }, null],
    ['k8s://namespace/secret#key', 'k8s', 'k8s', 'namespace/secret', {}, 'key'],
    ['aws-sm://prod/orders#/login/password', 'aws-sm', 'aws-sm', 'prod/orders', {}, '/login/password'],
  ] as const) {
    it(`takes ${text} apart`, () => {
      const parsed = parseCredentialRef(text)
      assert.deepEqual(parsed, { ref: { scheme, source, path, params, field, text } })
    })
  }

  for (const text of [
    'hunter2',
    '',
    'vault',
    'vault:',
    'vault://',
    'vault:///',
    'valt://a/b',
    'VAULT://a/b',
    'vault+://a/b',
    'env+x://A',
    'env://',
    'env://A B',
    'env://9X',
    'env://A-B',
    'file://relative/x',
    'exec:///bin/sh',
    'exec://a b',
    'vault://a/b#',
    'vault://a/b#x#y',
    'vault://a/b?x',
    'vault://a/b?x=',
    'vault://a/b?x=1&x=2',
    'vault://a/b?x=1?y=2',
    'vault://a/b?x=%zz',
    'vault://secret/data/orders',
    'vault:///secret/x',
    'vault://a/../sys',
    'k8s://ns/secret',
    'ref+vault://a/b',
    'vault://a/b c',
    'vault://a/b\nc',
    'postgres://u:p@h/d',
  ]) {
    it(`refuses ${JSON.stringify(text)} without repeating it`, () => {
      const parsed = parseCredentialRef(text)
      assert.ok('problem' in parsed)
      assert.ok(text.length < 12 || !parsed.problem.includes(text))
    })
  }

  it('says which scheme was meant', () => {
    const parsed = parseCredentialRef('valt://a/b')
    assert.ok('problem' in parsed && parsed.problem.includes('(did you mean "vault"?)'))
  })
})
