// The patterns a policy may name.
import { SallyportError } from '../core/errors.ts'
import type { MaskPattern } from '../core/mask-rule.ts'
import { creditCard, iban, phone, usSsn } from './digit-patterns.ts'
import { expressionPattern } from './expression-pattern.ts'
import type { Pattern } from './pattern.ts'
import { awsKey, email, githubToken, jwt, passwordHash, privateKey } from './secret-patterns.ts'

const builtIns: ReadonlyMap<string, Pattern> = new Map(
  [creditCard, usSsn, email, iban, phone, jwt, awsKey, githubToken, privateKey, passwordHash].map(pattern => [pattern.name, pattern]),
)

/** Names a policy may write under `patterns:`. */
export const patternNames: readonly string[] = [...builtIns.keys()]

/** @throws {SallyportError} POLICY_INVALID for a name that is none, or an expression that RE2 does not take. */
export function patternOf(wanted: MaskPattern): Pattern {
  if (wanted.kind === 'expression') return expressionPattern(wanted.source)
  const pattern = builtIns.get(wanted.name)
  if (pattern === undefined) {
    throw new SallyportError('POLICY_INVALID', `there is no pattern ${JSON.stringify(wanted.name)}`, {
      fix: `use one of ${patternNames.join(', ')}`,
    })
  }
  return pattern
}
