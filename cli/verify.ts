// `sallyport verify PATH`: is this recording what a gateway sealed? One line for each thing that was checked, was wrong, or was not checked.
import { visible, visibleJson } from '../gateway/core/visible-text.ts'
import { verifyRecording } from '../gateway/record/verify-recording.ts'
import type { VerifyReport } from '../gateway/record/verify-report.ts'
import { readIdentityFile } from './identity-file.ts'
import { SallyportError } from '../gateway/core/errors.ts'
import type { Io } from './io.ts'
import { printError } from './print-error.ts'
import { progressOn } from './progress.ts'

export interface VerifyCommandOptions {
  /** Verifier key that must have signed it. */
  readonly key?: string
  /** Key file of an auditor: opens what is encrypted. */
  readonly identity?: string
  readonly json?: boolean
}

/** @returns 0 intact, 1 tampered or incomplete. @throws {SallyportError} UNREADABLE, USAGE (a key that is none). */
export async function verify(file: string, options: VerifyCommandOptions, io: Io): Promise<number> {
  const progress = progressOn(io, 'verifying')
  const key = options.key === undefined ? {} : { key: options.key }
  const identities = options.identity === undefined ? {} : { identities: readIdentityFile(options.identity) }
  const report = await verifyRecording(file, { ...key, ...identities, onProgress: progress.show }).finally(progress.end)
  io.stdout(options.json === true ? `${visibleJson(JSON.stringify(report))}\n` : inWords(report))
  if (report.verdict !== 'tampered') return report.verdict === 'intact' ? 0 : 1
  return printError(
    new SallyportError('RECORDING_TAMPERED', `${file} does not verify`, {
      why: report.words,
      fix: 'get the recording from another sink; do not rely on this one',
    }),
    io,
  )
}

function inWords(report: VerifyReport): string {
  const lines = [
    report.words,
    ...report.wrong.map(line => `  wrong        ${line}`),
    ...report.checked.map(line => `  checked      ${line}`),
    ...report.unchecked.map(line => `  not checked  ${line}`),
    `  sealed by    ${report.key ?? 'nobody'}`,
  ]
  return lines.map(line => `${visible(line).replaceAll('\n', '↵')}\n`).join('')
}
