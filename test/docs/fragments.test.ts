// The fragments of the pages on identity and credentials, put together, are a policy that the parser takes, and every check has its line.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'

const pages = ['identity', 'credentials'].map(name => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8'))
const fragments = pages
  .flatMap(page => [...page.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = '']) => parse(text) as Record<string, object>))
  .filter(fragment => !('jobs' in fragment))

describe('pages on identity and credentials', () => {
  it('show fragments that are one valid policy together', () => {
    const blocks: Record<string, object> = {}
    for (const fragment of fragments) for (const [name, block] of Object.entries(fragment)) blocks[name] = { ...blocks[name], ...block }
    const file = parsePolicy(JSON.stringify({ version: 1, ...blocks }), 'docs')
    assert.deepEqual([...file.sources.keys()], ['broker', 'vault', 'eu'])
    assert.deepEqual([...file.connections.keys()], ['orders-db', 'stock-db', 'audit-db'])
  })

  it('name every reason for which a token is refused', () => {
    const source = readFileSync(new URL('../../gateway/adapter/oidc/token-refusal.ts', import.meta.url), 'utf8')
    const [union = ''] = /export type TokenReason =[^]*?\n\n/.exec(source) ?? []
    const reasons = [...union.matchAll(/'([a-z_]+)'/g)].map(([, reason = '']) => reason)
    assert.ok(reasons.length > 20)
    for (const reason of reasons) assert.ok(pages[0]?.includes(`\`${reason}\``), reason)
  })
})
