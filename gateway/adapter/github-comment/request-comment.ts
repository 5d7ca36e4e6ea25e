// The words of a request comment, in every state. Commands are hostile text: they stand in a fence, made visible, and nowhere else.
import type { RequestView } from '../../core/approval-channel.ts'
import type { ApprovalRequest } from '../../core/approval.ts'
import type { Command } from '../../core/command.ts'
import type { ApproverGroup, Verdict } from '../../core/decision.ts'
import type { Run } from '../../core/identity.ts'
import { fence, visible } from '../../core/visible-text.ts'
import { warningsOf } from './text-warnings.ts'

export interface CommentContext {
  readonly run: Run
  /** `https://github.com`, for links to the run. */
  readonly serverUrl: string
  /** Verifier key of the recording; stated in the first request of a run. */
  readonly key: string | null
}

/** Bytes that are shown as they are when the text cannot show them. */
const MAX_HEX_BYTES = 512

/** The whole body, without a trailing line feed. */
export function requestComment(view: RequestView, context: CommentContext): string {
  const { run } = context
  const marker = `<!-- sallyport:request v1 run=${word(run.workflowRunId ?? run.id)} job=${word(run.job ?? '-')} code=${view.code} -->`
  if (view.verdict === null) return [marker, ...openRequest(view, context)].join('\n')
  return [
    marker,
    ...endOf(view, view.verdict),
    ...refusalsOf(view),
    '',
    `<details><summary>Request ${view.code}</summary>`,
    '',
    ...commandsOf(view.request),
    '',
    ...factsOf(view, context),
    '',
    '</details>',
    ...keyOf(context),
  ].join('\n')
}

function openRequest(view: RequestView, context: CommentContext): readonly string[] {
  const { request, code, until, votes } = view
  const group = request.approvers
  const minutes = Math.max(1, Math.round(group.timeoutMs / 60_000))
  const already =
    votes.length === 0
      ? []
      : ['', `Approved so far: ${votes.map(({ login }) => `@${plain(login)}`).join(', ')} (${votes.length} of ${group.count}).`]
  return [
    `### Approval needed: ${titleOf(request)}`,
    `${mentions(group)} — a job is paused until ${group.count === 1 ? 'one' : String(group.count)} of you ${group.count === 1 ? 'answers' : 'answer'}. It expires **${timeOf(until)}** (in ${minutes} min).`,
    '',
    ...commandsOf(request),
    '',
    ...factsOf(view, context),
    ...already,
    '',
    '**To approve**, post a new comment:',
    '```',
    `/sallyport approve ${code}`,
    '```',
    `**To refuse:** \`/sallyport deny ${code} reason\``,
    ...refusalsOf(view),
    '',
    '<sub>Only what is shown above will run, once, in this session. Editing a comment voids it. Text marked ⟦U+…⟧ was invisible.</sub>',
    ...keyOf(context),
  ]
}

/** Each command of the message in its fence, the flagged one first, with warnings about what the eye would miss. */
function commandsOf(request: ApprovalRequest): readonly string[] {
  const others = request.commands.filter(command => command !== request.flagged)
  const lines = [...commandOf(request.flagged, request.bytes)]
  if (others.length > 0) {
    const count = `${others.length} more ${others.length === 1 ? 'command' : 'commands'}`
    lines.push(
      '',
      request.isGroup === true
        ? `${count} ${others.length === 1 ? 'is' : 'are'} held at the same time, and one answer is for all of them:`
        : `The same message holds ${count}; they run together with it:`,
    )
    for (const other of others) lines.push('', ...commandOf(other, request.bytes))
  }
  if (request.diff !== undefined && request.diff !== null && request.diff !== '') {
    lines.push('', 'What it would change:', fence(visible(request.diff), 'diff'))
  }
  return lines
}

function commandOf(command: Command, bytes: Buffer): readonly string[] {
  const lines = [fence(visible(command.text), infoOf(command))]
  if (command.protocol === 'postgres' && command.values.length > 0) {
    const values = command.values.map(
      (value, index) => `$${index + 1} = ${value === null ? 'NULL' : visible(value).replaceAll('\n', '⟦U+000A⟧')}`,
    )
    lines.push('', 'with the values', fence(values.join('\n'), 'text'))
  }
  for (const warning of warningsOf(command)) lines.push('', `> **Warning:** ${warning}`)
  // Written as an escape, U+FFFD is itself; here it stands for bytes that are no text.
  // oxlint-disable-next-line no-control-regex -- NUL is what is looked for
  if (/[\u0000\ufffd]/.test(command.text)) {
    const hex =
      bytes
        .subarray(0, MAX_HEX_BYTES)
        .toString('hex')
        .match(/.{1,64}/g) ?? []
    const more = bytes.length > MAX_HEX_BYTES ? `\n… ${bytes.length - MAX_HEX_BYTES} more bytes` : ''
    lines.push('', 'The message holds bytes that are no text; these are its bytes:', fence(hex.join('\n') + more, 'text'))
  }
  return lines
}

function factsOf(view: RequestView, context: CommentContext): readonly string[] {
  const { request, head, digest } = view
  const { run } = context
  const because = request.because === null ? '' : `: ${plain(request.because)}`
  const rows: [string, string][] = [['Why flagged', `rule \`${word(request.rule)}\`${because}`]]
  for (const note of request.notes) rows.push(['Note', plain(note)])
  const job = run.job === null ? 'a session' : `job \`${word(run.job)}\``
  const link =
    run.repository === null || run.workflowRunId === null
      ? ''
      : `, run [#${word(run.workflowRunId)}](${context.serverUrl}/${run.repository}/actions/runs/${word(run.workflowRunId)})`
  const actor = run.actor === null ? '' : `, for @${plain(run.actor)}`
  const commit = head === '' ? '' : `, commit \`${word(head.slice(0, 7))}\``
  rows.push(
    ['Asked by', `${job}${link}${actor}${commit}`],
    [
      'Who may approve',
      `${mentions(request.approvers)}, except the author of this pull request and whoever started the run; ${request.approvers.count} needed`,
    ],
    ['Digest', `\`${digest}\``],
  )
  return ['| | |', '|---|---|', ...rows.map(([name, value]) => `| **${name}** | ${value} |`)]
}

function endOf(view: RequestView, verdict: Verdict): readonly string[] {
  const title = titleOf(view.request)
  switch (verdict.outcome) {
    case 'approved': {
      const who = verdict.by.map(({ login }) => `@${plain(login)}`).join(' and ')
      const links = verdict.by.map(({ login, evidence }) => `[@${plain(login)}'s comment](${linkOf(evidence)})`).join(', ')
      const outcome = view.outcome === null ? 'released; its result is not known yet' : plain(view.outcome)
      const failed = view.outcome !== null && /^(?:failed|not run)/.test(view.outcome) ? ', failed' : ''
      return [`### Approved by ${who}${failed}: ${title}`, `${links}, ${timeOf(verdict.at)} → ${outcome}.`]
    }
    case 'rejected':
      return [
        `### Denied by @${plain(verdict.by.login)}: ${title}`,
        `[@${plain(verdict.by.login)}'s comment](${linkOf(verdict.by.evidence)}), ${timeOf(verdict.at)}. Reason: ${plain(verdict.reason)}. Nothing ran.`,
      ]
    case 'expired':
      return [`### Expired: ${title}`, `Not approved by ${timeOf(view.until)}. Nothing ran. Re-run the job to ask again.`]
    case 'superseded':
      return [`### Superseded: ${title}`, `${plain(verdict.reason)}. Nothing ran.`]
  }
}

function refusalsOf(view: RequestView): readonly string[] {
  if (view.refusals.length === 0) return []
  const more = view.unlisted === 0 ? [] : [`- and ${view.unlisted} more`]
  return ['', 'Answers that do not count:', ...view.refusals.map(line => `- ${plain(line)}`), ...more]
}

function keyOf(context: CommentContext): readonly string[] {
  return context.key === null
    ? []
    : ['', `<sub>This run is recorded and signed by \`${context.key.replaceAll('`', '')}\`; the same key stands in the job's log.</sub>`]
}

function titleOf(request: ApprovalRequest): string {
  const more = request.isGroup === true ? ` and ${request.commands.length - 1} more` : ''
  return `\`${word(request.flagged.verb).toUpperCase()}\`${more} on **${word(request.connection.name)}**`
}

function mentions(group: ApproverGroup): string {
  return [...group.teams, ...group.users].map(name => `@${plain(name)}`).join(', ')
}

function infoOf(command: Command): string {
  switch (command.protocol) {
    case 'postgres':
      return 'sql'
    case 'ssh':
      return 'console'
    case 'kubernetes':
      return 'yaml'
  }
}

/** Text of the policy or of an approver in a line of ours: one line, nothing that markdown, HTML or a mention could use. */
function plain(text: string): string {
  return visible(text.replaceAll(/\s+/g, ' '))
    .replaceAll(/[\\<>&|[\]*_~#!]/g, character => `&#${character.codePointAt(0) ?? 0};`)
    .replaceAll('`', "'")
    .slice(0, 600)
}

/** A name in a code span. */
function word(text: string): string {
  return visible(text)
    .replaceAll(/[^\p{L}\p{N} ._/:@⟦⟧+-]/gu, '?')
    .slice(0, 120)
}

function linkOf(url: string): string {
  return /^https?:\/\/[^\s()<>]+$/.test(url) ? url : '#'
}

/** `14:32 UTC`, with the day when it is not today's business. */
function timeOf(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
