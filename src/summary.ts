// Writes the step summary. GitHub drops a summary above 1 MiB whole, so it is cut at a line well below.
import { appendFileSync } from 'node:fs'
import type { Environment } from './inputs.ts'

const MAX_SUMMARY_BYTES = 200_000
const CUT = '\n\nThe rest is in the recording.\n'

/** Appends to the summary of this step. Without GITHUB_STEP_SUMMARY there is nowhere to write it. */
export function writeSummary(markdown: string, environment: Environment): void {
  const file = environment['GITHUB_STEP_SUMMARY']
  if (file) appendFileSync(file, boundedSummary(markdown))
}

/** The text, or its whole lines up to the bound and a word that more is in the recording. */
export function boundedSummary(markdown: string): string {
  const bytes = Buffer.from(markdown, 'utf8')
  if (bytes.length <= MAX_SUMMARY_BYTES) return markdown.endsWith('\n') ? markdown : `${markdown}\n`
  const end = bytes.lastIndexOf('\n', MAX_SUMMARY_BYTES - CUT.length)
  return bytes.subarray(0, Math.max(end, 0)).toString('utf8') + CUT
}
