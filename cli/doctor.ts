// `sallyport doctor`: what the error list names, checked one by one, each with what to do. Changes nothing, prints no secret.
// It logs in only where columns are masked, and gives back what it borrowed for that.
import path from 'node:path'
import { findConfig, readText } from './find-config.ts'
import { countWords } from './policy-check.ts'
import type { Io } from './io.ts'
import { parsePolicy } from '../gateway/policy/parse-policy.ts'
import { SallyportError } from '../gateway/core/errors.ts'
import { visible } from '../gateway/core/visible-text.ts'
import { checkCredentials } from './doctor/credentials.ts'
import { checkEndpoints } from './doctor/endpoints.ts'
import { checkGithub } from './doctor/github.ts'
import { checkIssuers } from './doctor/issuers.ts'
import { checkMachine } from './doctor/machine.ts'
import { checkMasks } from './doctor/masks.ts'
import { checkTargets } from './doctor/targets.ts'
import type { Finding } from './doctor/finding.ts'

export interface DoctorOptions {
  readonly config?: string
  readonly json?: boolean
}

const marks = { fine: '✓', bad: '✗', warning: '!', unknown: '-' } as const

/** Exit status: 0 no check failed, 1 one did. @param script the gateway's bundle. */
export async function doctor(options: DoctorOptions, script: string, io: Io): Promise<number> {
  const findings: Finding[] = []
  const tell = (finding: Finding): void => {
    findings.push(finding)
    if (options.json !== true) io.stdout(wordsOf(finding))
  }
  await examine(options, script, io, tell)
  if (options.json === true) io.stdout(`${JSON.stringify({ schema: 'sallyport-doctor/1', findings })}\n`)
  const bad = findings.filter(({ state }) => state === 'bad').length
  if (options.json !== true) io.stderr(`${outcomeOf(findings, bad)}\n`)
  return bad === 0 ? 0 : 1
}

async function examine(options: DoctorOptions, script: string, io: Io, tell: (finding: Finding) => void): Promise<void> {
  let policy
  let text = ''
  try {
    const name = findConfig(options.config)
    text = readText(name)
    policy = parsePolicy(text, name)
    tell({
      id: 'E16',
      what: `policy ${name}`,
      state: 'fine',
      words: countWords(policy),
      fix: null,
    })
  } catch (error) {
    const known = error instanceof SallyportError ? error : null
    tell({
      id: known?.id ?? 'E34',
      what: 'policy',
      state: 'bad',
      words: known === null ? 'it cannot be read' : [known.message, known.why].filter(one => one !== null).join(': '),
      fix: known?.fix ?? null,
    })
  }
  for (const finding of checkMachine(io.environment)) tell(finding)
  for (const finding of await checkEndpoints(io.environment)) tell(finding)
  for (const finding of await checkGithub(io.environment)) tell(finding)
  if (policy === undefined) return
  for (const finding of await checkIssuers(policy)) tell(finding)
  for (const finding of checkCredentials(policy, io.environment)) tell(finding)
  for (const finding of await checkTargets(policy)) tell(finding)
  for (const finding of await checkMasks({ ...policy, name: path.resolve(policy.name) }, text, io.environment, script)) tell(finding)
}

function outcomeOf(findings: readonly Finding[], bad: number): string {
  const warnings = findings.filter(({ state }) => state === 'warning').length
  const outcome = bad === 0 ? 'all checks passed' : `${bad} of ${findings.length} checks failed`
  return warnings === 0 ? outcome : `${outcome}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`
}

function wordsOf({ id, what, state, words, fix }: Finding): string {
  // Names of roles and tables come from the target.
  const line = `${marks[state]} ${id}  ${visible(`${what}: ${words}`)}\n`
  return fix === null || state === 'fine' ? line : `${line}        fix: ${visible(fix)}\n`
}
