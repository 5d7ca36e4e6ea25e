import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { readPolicyFile } from '../../../gateway/adapter/github-policy/policy-file.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { startShop, type Shop } from '../../../world/github/shop.ts'

const signal = new AbortController().signal
let shop: Shop

const read = (config = ''): Promise<{ text: string; source: string }> =>
  readPolicyFile(
    { config, repository: 'acme/shop', token: new Secret(shop.workflowToken), environment: { GITHUB_API_URL: shop.github.url } },
    signal,
  )

function put(ref: string, path: string, text: string): void {
  const { trees } = shop.repository
  trees.set(ref, (trees.get(ref) ?? new Map<string, string>()).set(path, text))
}

beforeEach(async () => {
  shop = await startShop()
})
afterEach(() => shop.github.stop())

describe('the policy file through the API', () => {
  it('is .github/sallyport.yml of the default branch, then sallyport.yml', async () => {
    put('main', 'sallyport.yml', 'second')
    assert.equal((await read()).text, 'second')
    put('main', '.github/sallyport.yml', 'first')
    assert.deepEqual(await read(), { text: 'first', source: 'acme/shop:.github/sallyport.yml@default branch' })
  })

  it('is never that of the pull request', async () => {
    put('change-42', '.github/sallyport.yml', 'allow everything')
    await assert.rejects(read(), { code: 'UNREADABLE' })
  })

  it('is a central one where config names it', async () => {
    const central = shop.github.world.addRepository('acme/policies')
    central.trees.set('v1', new Map([['shop/sallyport.yml', 'central']]))
    assert.equal((await read('acme/policies:shop/sallyport.yml@v1')).text, 'central')
    await assert.rejects(read('acme/policies:shop/sallyport.yml@v2'), { code: 'UNREADABLE' })
  })

  for (const config of ['acme/policies', 'acme/policies:x.yml', 'acme:x@y', 'a/b:../x@y', 'a/b/c:x@y']) {
    it(`refuses a config that is not owner/repo:path@ref: ${config}`, () => assert.rejects(read(config), { code: 'USAGE' }))
  }

  it('fails when GitHub is down, with no secret in the words', async () => {
    put('main', 'sallyport.yml', 'text')
    shop.github.faults.outage = 'unavailable'
    await assert.rejects(
      read(),
      (error: Error & { code: string }) =>
        error.code === 'UNREADABLE' && !JSON.stringify([error.message, error.stack]).includes(shop.workflowToken),
    )
  })
})
