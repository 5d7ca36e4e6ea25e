// The inputs of action.yml, read once from INPUT_* and turned into a type. Everything after this takes `Inputs`.
import { failureOf } from '../gateway/control/gateway-error.ts'

/** Environment of the process; a variable that is not set is undefined, an input that is not set arrives as an empty string. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface Inputs {
  /** Empty = `sallyport.yml` of the default branch. */
  readonly config: string
  /** Empty = all that the identity may open. */
  readonly connections: readonly string[]
  readonly audience: string
  readonly githubToken: string
  readonly isolation: 'user' | 'none'
  readonly pullRequest: number | null
  readonly exportEnv: boolean
  readonly artifactName: string
  readonly retentionDays: number | null
  readonly attest: boolean
  readonly failOn: 'denied' | 'never'
}

/**
 * Reads all inputs.
 * @throws {SallyportError} USAGE naming the input, what it was and what it may be.
 */
export function readInputs(environment: Environment): Inputs {
  const text = (name: string): string => (environment[`INPUT_${name.toUpperCase()}`] ?? '').trim()
  if (text('gateway-url') !== '') {
    throw failureOf('USAGE', 'the input `gateway-url` is not available yet: this version runs its gateway on the runner only', {
      why: 'the standalone gateway is not part of this release',
      fix: 'leave `gateway-url` out',
    })
  }
  return {
    config: text('config'),
    connections: [
      ...new Set(
        text('connections')
          .split(/[\s,]+/)
          .filter(name => name !== ''),
      ),
    ],
    audience: text('audience'),
    githubToken: text('github-token'),
    isolation: readChoice('isolation', text('isolation'), ['user', 'none']),
    pullRequest: readNumber('pull-request', text('pull-request'), Number.MAX_SAFE_INTEGER),
    exportEnv: readBoolean('export-env', text('export-env'), true),
    artifactName: readArtifactName(text('artifact-name'), environment),
    retentionDays: readNumber('retention-days', text('retention-days'), 400),
    attest: readBoolean('attest', text('attest'), false),
    failOn: readChoice('fail-on', text('fail-on'), ['never', 'denied']),
  }
}

/** The first choice is the default. */
function readChoice<const T extends string>(name: string, value: string, choices: readonly [T, ...T[]]): T {
  if (value === '') return choices[0]
  const found = choices.find(choice => choice === value)
  if (found === undefined) throw wrong(name, value, choices.join(' or '))
  return found
}

function readBoolean(name: string, value: string, byDefault: boolean): boolean {
  if (value === '') return byDefault
  if (/^true$/i.test(value)) return true
  if (/^false$/i.test(value)) return false
  throw wrong(name, value, 'true or false')
}

function readNumber(name: string, value: string, most: number): number | null {
  if (value === '') return null
  const number = /^\d{1,15}$/.test(value) ? Number(value) : 0
  if (number < 1 || number > most) throw wrong(name, value, 'a whole number from 1')
  return number
}

/** GitHub refuses artifact names with any of these, and only after the job has run. */
function readArtifactName(value: string, environment: Environment): string {
  const name = value || `sallyport-${environment['GITHUB_JOB'] || 'job'}-${environment['GITHUB_RUN_ATTEMPT'] || '1'}`
  if (/["<>|*?\\/:\r\n]/.test(name)) throw wrong('artifact-name', name, 'a name without any of " < > | * ? : \\ / and line ends')
  return name
}

function wrong(name: string, value: string, wanted: string): Error {
  return failureOf('USAGE', `the input \`${name}\` is ${JSON.stringify(value)}, it must be ${wanted}`, {
    fix: `correct \`with: ${name}\` of the step that uses Sallyport`,
  })
}
