// The words of a refusal (CONTRACT 5): what happened, which rule or person decided, why, and what to do.
import type { Command } from '../core/command.ts'
import type { Connection } from '../core/connection.ts'
import type { Decision, Verdict } from '../core/decision.ts'
import { Refusal, type SallyportError } from '../core/errors.ts'
import { effectsOf } from './command-effects.ts'

/** `sallyport: denied by rule NAME: because`. @param command as people may read it. */
export function deniedRefusal(decision: Extract<Decision, { outcome: 'deny' }>, connection: Connection, command: Command): Refusal {
  const isDefault = decision.rule === 'default'
  const because =
    decision.because ??
    (isDefault ? `no rule of ${connection.name} allows ${command.verb}` : `${command.verb} is not allowed on ${connection.name}`)
  return new Refusal('COMMAND_DENIED', decision.rule, `sallyport: denied by rule ${decision.rule}: ${because}`, {
    why: whyOf(command),
    fix: isDefault
      ? `${notUnderstood(command)}if it should run, add a rule for ${connection.name} to sallyport.yml that allows these effects, or asks; sallyport policy explain shows which rules came near`
      : `${notUnderstood(command)}if it should run, change rule ${decision.rule} in sallyport.yml; sallyport policy explain shows what it caught`,
  })
}

/** What people said, as the error that the client gets. */
export function verdictRefusal(verdict: Exclude<Verdict, { outcome: 'approved' }>, rule: string, code: string): Refusal {
  switch (verdict.outcome) {
    case 'rejected':
      return new Refusal('COMMAND_REJECTED', rule, `sallyport: rejected by @${verdict.by.login}: ${verdict.reason}`, {
        why: `rule ${rule} asked, and ${verdict.by.login} answered ${code} with a denial: ${verdict.by.evidence}`,
        fix: 'talk to the approver; running the command again posts a new request',
      })
    case 'expired':
      return new Refusal('COMMAND_EXPIRED', rule, `sallyport: expired: ${verdict.reason}`, {
        why: `rule ${rule} asked, and request ${code} was not approved in time`,
        fix: 'run the command again to ask again; `timeout:` of the approvers sets how long a request waits',
      })
    case 'superseded':
      return new Refusal('COMMAND_CANCELLED', rule, `sallyport: cancelled: ${verdict.reason}`, {
        why: `request ${code} of rule ${rule} ended without an answer that counts`,
        fix: 'run the command again to ask again',
      })
  }
}

/** Nobody could be asked: the desk's own error, as a refusal under the rule that wanted to ask. */
export function undecidedRefusal(error: SallyportError, rule: string): Refusal {
  return new Refusal(error.code, rule, `sallyport: rule ${rule} asks, but nobody could answer: ${error.message}`, {
    ...(error.why === null ? {} : { why: error.why }),
    ...(error.fix === null ? {} : { fix: error.fix }),
    cause: error,
  })
}

/** What a client shows first: a slip of the pen must not look like a missing rule. */
function notUnderstood({ certainty, doubt }: Command): string {
  return certainty === 'parsed' || doubt === null ? '' : `it was not understood (${doubt}); `
}

function whyOf(command: Command): string {
  const effects = effectsOf(command).join(', ')
  const doubt = command.doubt === null ? '' : `; it is ${command.certainty}: ${command.doubt}`
  const scope = command.protocol === 'postgres' && command.unfiltered ? ' of every row' : ''
  return `${command.verb}${scope} has the effects: ${effects === '' ? 'none that is known' : effects}${doubt}`
}
