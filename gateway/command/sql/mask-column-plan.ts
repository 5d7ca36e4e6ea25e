// From what flows into an output column to what is done with its cells.
import type { ColumnPlan } from './mask-plan.ts'
import type { MaybeTaint } from './taint.ts'

export function columnPlan(taint: MaybeTaint): ColumnPlan {
  if (taint === null) return { kind: 'pass' }
  if (taint.kind === 'unproven') return { kind: 'provenance', rule: taint.rule }
  return taint.kind === 'mask' ? taint : { kind: 'blank', rule: taint.rule }
}
