// What the gate writes down, as events of the recording. Takes readable commands only: nothing masked gets here.
import type { RefusedAnswer } from '../core/approval.ts'
import type { Command } from '../core/command.ts'
import type { Connection } from '../core/connection.ts'
import type { Verdict } from '../core/decision.ts'
import type { AnswerEvent, AskEvent, CommandEvent } from '../core/events.ts'
import type { Hold } from '../core/session.ts'
import { effectsOf } from './command-effects.ts'

/** @param command as `readableCommand` made it. */
export function commandEvent(number: number, connection: Connection, command: Command): CommandEvent {
  return {
    kind: 'command',
    command: number,
    connection: connection.name,
    verb: command.verb,
    effects: effectsOf(command),
    resources: command.resources,
    certainty: command.certainty,
    doubt: command.doubt,
    text: command.text,
    values: command.protocol === 'postgres' ? command.values : [],
  }
}

export function askEvent(number: number, hold: Hold, needs: number, digest: string): AskEvent {
  return {
    kind: 'ask',
    command: number,
    code: hold.code,
    approvers: hold.approvers,
    needs,
    until: hold.until.toISOString(),
    where: hold.where ?? '',
    digest,
  }
}

export function answerEvent(number: number, code: string, verdict: Verdict): AnswerEvent {
  const people = verdict.outcome === 'approved' ? verdict.by : verdict.outcome === 'rejected' ? [verdict.by] : []
  return {
    kind: 'answer',
    command: number,
    code,
    outcome: verdict.outcome,
    by: people.map(({ id, login, at, evidence }) => ({ id, login, at: at.toISOString(), evidence })),
    reason: verdict.outcome === 'approved' ? null : verdict.reason,
  }
}

export function refusedEvent(number: number, answer: RefusedAnswer): AnswerEvent {
  const { id, login, evidence } = answer
  return {
    kind: 'answer',
    command: number,
    code: answer.code,
    outcome: 'refused',
    by: [{ id, login, at: answer.at.toISOString(), evidence }],
    reason: answer.reason,
  }
}
