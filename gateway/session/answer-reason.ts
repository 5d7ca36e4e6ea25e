// Why an answer did not count: one word for the recording, one sentence for the person who wrote it.
import type { MalformedReason } from './answer-line.ts'

export type AnswerReason =
  | MalformedReason
  | 'author_is_bot'
  | 'sent_through_app'
  | 'self_approval'
  | 'not_approver'
  | 'no_longer_approver'
  | 'approvers_unreadable'
  | 'before_request'
  | 'too_late'
  | 'late_deny'
  | 'already_ended'
  | 'edited_comment'
  | 'deleted_comment'
  | 'counted_once'
  | 'nonce_unknown'

/** The sentence after "… does not count: ". `group` in words, e.g. `dba (dana, acme/dba)`; `detail` e.g. when it was released. */
export function wordsOf(reason: AnswerReason, group: string, detail: string | null = null): string {
  switch (reason) {
    case 'author_is_bot':
      return 'bots cannot approve'
    case 'sent_through_app':
      return 'it was sent through an app; write it yourself'
    case 'self_approval':
      return 'the author of the pull request and whoever started the run cannot approve'
    case 'not_approver':
      return `not in ${group}`
    case 'no_longer_approver':
      return `no longer in ${group}`
    case 'approvers_unreadable':
      return `${group} cannot be read (E13)`
    case 'before_request':
      return 'it is older than the request'
    case 'too_late':
      return 'the request had expired'
    case 'late_deny':
      return `too late, the command was released ${detail ?? 'already'}`
    case 'already_ended':
      return 'the request had already ended'
    case 'edited_comment':
      return 'edited comments do not count; please post a new one'
    case 'deleted_comment':
      return 'the comment was deleted'
    case 'counted_once':
      return 'this person was counted already'
    case 'nonce_unknown':
      return 'no request that waits here has this code'
    case 'not_ascii':
      return 'the line holds characters that look like others or cannot be seen; type it anew'
    case 'in_code':
      return 'a line in a code block is not an answer; write it as plain text'
    case 'quoted':
      return 'a quoted line is not an answer; post a new comment'
    case 'not_first_line':
      return 'the answer must be the first line of a new comment'
    case 'not_exact':
      return 'the first line must be exactly `/sallyport approve CODE` or `/sallyport deny CODE reason`'
  }
}
