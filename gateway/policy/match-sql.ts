// Does the `sql:` part of a rule take a SQL command? Effects are compared as bits.
import { sqlEffects } from '../core/command.ts'
import type { Command, SqlCommand, SqlEffect } from '../core/command.ts'
import type { Outcome, SqlPart } from './policy-file.ts'

export type SqlMismatch = 'effects' | 'certainty' | 'unfiltered'

const bit = new Map(sqlEffects.map((effect, index): [SqlEffect, number] => [effect, 1 << index]))
const UNKNOWN = bit.get('unknown') ?? 0

/** The effects as bits. A command that is not `parsed`, or says nothing of its effects, has the effect `unknown`. */
function bitsOf(effects: Iterable<SqlEffect>): number {
  let bits = 0
  for (const effect of effects) bits |= bit.get(effect) ?? UNKNOWN
  return bits
}

/** Effects of a command as rules see them. */
export function effectsOf(command: SqlCommand): readonly SqlEffect[] {
  const bits = commandBits(command)
  return sqlEffects.filter(effect => (bits & (bit.get(effect) ?? 0)) !== 0)
}

/** Effects of a command as bits, worked out once and handed to every rule it meets; 0 for other protocols. */
export function effectBits(command: Command): number {
  return command.protocol === 'postgres' ? commandBits(command) : 0
}

function commandBits(command: SqlCommand): number {
  const bits = bitsOf(command.effects)
  return command.certainty !== 'parsed' || bits === 0 ? bits | UNKNOWN : bits
}

/** What keeps the rule from taking a command, or null: allow takes it when all effects are listed, ask and deny when one is. */
export function sqlMatcher(part: SqlPart, outcome: Outcome): (command: SqlCommand, bits: number) => SqlMismatch | null {
  const listed = part.effects === null ? null : bitsOf(part.effects)
  const { unfiltered } = part
  return (command, bits) => {
    if (listed === null) {
      if (outcome === 'allow' && (bits & UNKNOWN) !== 0) return 'certainty'
    } else if (outcome === 'allow' ? (bits & ~listed) !== 0 : (bits & listed) === 0) return 'effects'
    return unfiltered === null || unfiltered === command.unfiltered ? null : 'unfiltered'
  }
}
