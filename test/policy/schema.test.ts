import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { policyJsonSchema } from '../../gateway/policy/schema.ts'

const checkedIn = readFileSync(new URL('../../sallyport.schema.json', import.meta.url), 'utf8')
const validate = new Ajv({ strict: false, allowUnionTypes: true }).compile(JSON.parse(checkedIn))
const whole = readFileSync(new URL('whole.sallyport.yml', import.meta.url), 'utf8')

interface Node {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: unknown
  readonly [key: string]: unknown
}

describe('sallyport.schema.json', () => {
  it('is what the parser reads by (npm run schema writes it)', () => {
    assert.equal(checkedIn, policyJsonSchema())
  })

  it('closes every map that has fixed keys', () => {
    const open: string[] = []
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return
      const { properties, additionalProperties } = node as Node
      if (properties !== undefined && path !== '' && additionalProperties !== false && !path.endsWith('/properties')) open.push(path)
      for (const [key, value] of Object.entries(node)) visit(value, `${path}/${key}`)
    }
    visit(JSON.parse(checkedIn), '#')
    assert.deepEqual(open, [])
  })

  it('accepts the reference page, and neither a mistyped key nor a mistyped word', () => {
    assert.equal(validate(parse(whole)), true, JSON.stringify(validate.errors))
    assert.equal(validate(parse(whole.replace('because: Touches', 'becuase: Touches'))), false)
    assert.equal(validate(parse(whole.replace('tls: verify-full', 'tls: verify_full'))), false)
    assert.equal(validate(parse(whole.replace('then: ask', 'then: perhaps'))), false)
  })
})
