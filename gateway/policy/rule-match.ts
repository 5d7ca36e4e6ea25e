// One rule against one command: the parts that are about the command itself. Groups, connections and conditions are not here.
import type { Command } from '../core/command.ts'
import type { Protocol } from '../core/connection.ts'
import type { KubernetesMismatch } from './match-kubernetes.ts'
import { kubernetesMatcher } from './match-kubernetes.ts'
import type { SqlMismatch } from './match-sql.ts'
import { sqlMatcher } from './match-sql.ts'
import type { SshMismatch } from './match-ssh.ts'
import { sshMatcher } from './match-ssh.ts'
import type { Rule } from './policy-file.ts'

export type Mismatch = SqlMismatch | SshMismatch | KubernetesMismatch | 'protocol'

/** @param bits `effectBits(command)` */
export type RuleMatcher = (command: Command, bits: number) => Mismatch | null

/** What keeps a rule from taking a command, or null when it takes it. A rule without a part takes every command. */
export function ruleMatcher(rule: Rule): RuleMatcher {
  if (rule.sql === null && rule.ssh === null && rule.kubernetes === null) return () => null
  const sql = rule.sql === null ? null : sqlMatcher(rule.sql, rule.outcome)
  const ssh = rule.ssh === null ? null : sshMatcher(rule.ssh, rule.outcome)
  const kubernetes = rule.kubernetes === null ? null : kubernetesMatcher(rule.kubernetes, rule.outcome)
  return (command, bits) => {
    switch (command.protocol) {
      case 'postgres':
        return sql === null ? 'protocol' : sql(command, bits)
      case 'ssh':
        return ssh === null ? 'protocol' : ssh(command)
      case 'kubernetes':
        return kubernetes === null ? 'protocol' : kubernetes(command)
    }
  }
}

/** False when the rule can never take a command of the protocol. */
export function speaks(rule: Rule, protocol: Protocol): boolean {
  if (rule.sql === null && rule.ssh === null && rule.kubernetes === null) return true
  switch (protocol) {
    case 'postgres':
      return rule.sql !== null
    case 'ssh':
      return rule.ssh !== null
    case 'kubernetes':
      return rule.kubernetes !== null
  }
}
