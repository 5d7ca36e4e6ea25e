// Decisions and mismatches in the words people read.
import type { Command } from '../core/command.ts'
import type { ApproverGroup, Decision } from '../core/decision.ts'
import { effectsOf } from './match-sql.ts'
import type { Rule } from './policy-file.ts'
import type { Mismatch } from './rule-match.ts'

const past = { allow: 'allowed', ask: 'held', deny: 'denied' } as const

/** `denied by rule no-ddl: Schema changes go through the DBA.` */
export function decisionWords(decision: Decision): string {
  const because = decision.because === null ? '' : `: ${decision.because}`
  const by = decision.rule === 'default' || decision.rule === 'groups' ? '' : ` by rule ${decision.rule}`
  return `${past[decision.outcome]}${by}${because}`
}

/** `dba (dana, acme/dba), 1 needed within 30 min`. */
export function approverWords(group: ApproverGroup): string {
  const people = [...group.users, ...group.teams]
  return `${group.name} (${people.length === 0 ? 'nobody is named' : people.join(', ')}), ${group.count} needed within ${Math.round(group.timeoutMs / 60_000)} min`
}

/** What a command is, in one line. */
export function commandWords(command: Command): string {
  const parts = [command.verb]
  if (command.protocol === 'postgres') parts.push(`effects ${effectsOf(command).join(' ')}`, ...(command.unfiltered ? ['unfiltered'] : []))
  parts.push(command.doubt === null ? command.certainty : `${command.certainty}: ${command.doubt}`)
  if (command.resources.length > 0)
    parts.push(`touches ${command.resources.slice(0, 10).join(' ')}${command.resources.length > 10 ? ' …' : ''}`)
  return parts.join(', ')
}

/** Why the rule does not take the command. */
export function mismatchWords(mismatch: Mismatch, rule: Rule, command: Command): string {
  switch (mismatch) {
    case 'protocol':
      return `it says nothing of ${command.protocol}`
    case 'certainty':
      return `the command is ${command.certainty}, and an allow rule takes only what is understood`
    case 'effects':
      return effectWords(rule, command)
    case 'unfiltered':
      return rule.sql?.unfiltered === true ? 'it does not touch every row' : 'it touches every row'
    case 'perhaps':
      return 'the line was not understood and may hold what the rule names: no allow rule takes it past this one'
    case 'verbs':
    case 'resources':
      return command.protocol === 'kubernetes' && command.powers.length > 0
        ? `${mismatch}: ${command.powers.join(', ')} has a standing of its own, and the rule does not name it`
        : `${mismatch}: not what the rule lists`
    case 'requests':
    case 'programs':
    case 'commands':
    case 'operations':
    case 'paths':
    case 'namespaces':
    case 'names':
    case 'dry-run':
      return `${mismatch}: not what the rule lists`
  }
}

function effectWords(rule: Rule, command: Command): string {
  const listed = rule.sql?.effects ?? []
  const effects = command.protocol === 'postgres' ? effectsOf(command) : []
  if (rule.outcome !== 'allow') return `effects: none of ${listed.join(', ')}`
  const missing = effects.filter(effect => !listed.includes(effect))
  return `effects: ${missing.join(', ')} not among ${listed.join(', ')}`
}
