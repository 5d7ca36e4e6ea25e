// What a client reads on its stderr while its command waits, and when it does not run.
import { Refusal, SallyportError } from '../../core/errors.ts'
import type { Hold } from '../../core/session.ts'
import { visible } from '../../core/visible-text.ts'

/** One line: who may answer, until when, where. */
export function heldLine(hold: Hold): string {
  const because = hold.because === null ? '' : `: ${hold.because}`
  const where = hold.where === null ? 'being posted' : hold.where
  const until = hold.until.toISOString().slice(11, 16)
  return visible(
    `sallyport: held by rule ${hold.rule}${because}; waiting for approval ${hold.code} by ${hold.approvers} until ${until} UTC: ${where}`,
  )
}

/** The lines of a refusal and the exit status that goes with it (CONTRACT 5). */
export function refusalLines(error: unknown): { readonly text: string; readonly status: number } {
  if (error instanceof Refusal) return { text: lines(error.message, error), status: 126 }
  if (error instanceof SallyportError) return { text: lines(`sallyport: ${error.message}`, error), status: 255 }
  return { text: 'sallyport: the gateway failed (INTERNAL)', status: 255 }
}

function lines(message: string, { why, fix }: SallyportError): string {
  return visible([message, ...(why === null ? [] : [`  why: ${why}`]), ...(fix === null ? [] : [`  fix: ${fix}`])].join('\n'))
}
