// From the policy's `masks:` to the masker of one session: which rules hold for this connection and identity.
import type { ColumnRule, Masker } from '../core/masker.ts'
import type { MaskRule } from '../core/mask-rule.ts'
import type { MaskerFor } from '../core/policy.ts'
import { cellMask } from './cell-mask.ts'
import { objectMask } from './object-mask.ts'
import { textMask } from './text-mask.ts'

/**
 * @param runKey at least 16 random bytes of this run; the key of `hash`. Never written anywhere.
 * @throws {SallyportError} POLICY_INVALID for an unknown pattern or a bad expression, before any session.
 */
export function maskerFor(rules: readonly MaskRule[], runKey: Buffer): MaskerFor {
  // Patterns are checked now, so that a bad expression stops the start and not a session.
  textMask(rules, runKey)
  return (identity, connection): Masker => {
    const here = rules.filter(rule => rule.on === null || rule.on.includes(connection.name))
    const isLifted = (rule: MaskRule): boolean => rule.unless.some(group => identity.groups.has(group))
    const holding = here.filter(rule => !isLifted(rule))
    const text = textMask(holding, runKey)
    return {
      columns: holding.flatMap(rule => columnRules(rule, runKey)),
      lifted: here.filter(isLifted).map(rule => rule.name),
      text,
      objects: objectMask({ holding, lifted: here.filter(isLifted), text, runKey }),
    }
  }
}

function columnRules(rule: MaskRule, runKey: Buffer): readonly ColumnRule[] {
  const mask = cellMask(rule.name, rule.with, runKey)
  return rule.columns.map(({ schema, table, column }) => ({ rule: rule.name, schema, table, column, mask, inference: rule.inference }))
}
