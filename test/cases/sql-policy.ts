// Policies of the cases: a whole `sallyport.yml` around some rules, read and compiled as the gateway does it.
import type { Policy } from '../../gateway/core/policy.ts'
import { compilePolicy } from '../../gateway/policy/compile-policy.ts'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'

/** @param rules one flow mapping a rule: `{ name: reads, sql: { effects: [read] }, then: allow }` */
export function policyOf(...rules: readonly string[]): Policy {
  const text = `version: 1
issuers:
  github: { url: https://token.actions.githubusercontent.com, audience: sallyport }
groups:
  release: { issuer: github, when: 'claims.repository_id == "123"' }
connections:
  orders-db: { protocol: postgres, address: "orders.internal:5432", database: orders, credential: env://ORDERS, groups: [release] }
rules:
${rules.map(rule => `  - ${rule}\n`).join('')}`
  return compilePolicy(parsePolicy(text, 'sallyport.yml'))
}

/** Lets every command through, understood or not. */
export const everything: Policy = policyOf('{ name: everything, then: allow }')
