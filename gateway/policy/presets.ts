// The built-in rule sets, `use: [read-only]` and `use: [careful]`: ordinary rules, so that nothing about them is special.
import type { ApproverGroup } from '../core/decision.ts'
import type { SqlEffect } from '../core/command.ts'
import type { ConnectionEntry, Outcome, Preset, Rule } from './policy-file.ts'

/** The rules of a connection's `use:`. Their names begin with the set's, and a `/` that names in a file cannot have. */
export function presetRules(entry: ConnectionEntry): readonly Rule[] {
  return entry.use.flatMap(preset => rulesOf(preset, entry))
}

function rulesOf(preset: Preset, entry: ConnectionEntry): readonly Rule[] {
  const on = new Set([entry.connection.name])
  const rule = (
    name: string,
    outcome: Outcome,
    effects: readonly SqlEffect[] | null,
    unfiltered: boolean | null,
    because: string | null,
  ): Rule => ({
    name: `${preset}/${name}`,
    on,
    groups: null,
    sql: { effects, unfiltered },
    ssh: null,
    kubernetes: null,
    when: null,
    outcome,
    approvers: outcome === 'ask' ? (entry.approvers ?? nobody) : null,
    because,
    place: null,
  })
  switch (preset) {
    case 'read-only':
      return [rule('reads', 'allow', ['read', 'session'], null, null)]
    case 'careful':
      return [
        rule('reads-and-filtered-writes', 'allow', ['read', 'session', 'write', 'transaction'], false, null),
        rule('unfiltered-writes', 'ask', null, true, 'it touches every row'),
        rule('schema-changes', 'ask', ['ddl'], null, 'it changes the schema'),
        rule(
          'no-power',
          'deny',
          ['privilege', 'file', 'program', 'admin', 'unknown'],
          null,
          'privileges, files, programs, administration, or not understood',
        ),
      ]
  }
}

/** Asked when a rule set asks and the file names nobody: no answer counts, so nothing runs. */
const nobody: ApproverGroup = { name: 'nobody', users: [], teams: [], count: 1, timeoutMs: 30 * 60_000 }
