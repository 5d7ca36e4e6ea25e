// `sallyport policy test`: runs the file's own `tests:`. Each is one command of one token; nothing leaves this process.
import { SallyportError } from '../gateway/core/errors.ts'
import type { Decision } from '../gateway/core/decision.ts'
import type { Policy } from '../gateway/core/policy.ts'
import { compilePolicy } from '../gateway/policy/compile-policy.ts'
import type { PolicyFile, PolicyTest } from '../gateway/policy/policy-file.ts'
import { decisionWords } from '../gateway/policy/words.ts'
import type { Io } from './io.ts'
import { connectionEntry, readPolicy } from './policy-check.ts'
import { identityOf, noRun, strictest } from './policy-explain.ts'
import { printError } from './print-error.ts'
import { readCommands } from './read-command.ts'

const formats = ['text', 'tap', 'junit', 'github'] as const
type Format = (typeof formats)[number]

export interface PolicyTestOptions {
  readonly config?: string | undefined
  readonly format?: string | undefined
}

interface Result {
  readonly test: PolicyTest
  readonly decision: Decision
  readonly passed: boolean
}

/** Exit status: 0 all pass, 1 one does not, 2 usage, a bad policy file or a command that cannot be read, 3 no file. */
export async function policyTest(options: PolicyTestOptions, io: Io): Promise<number> {
  try {
    const format = formatOf(options.format ?? 'text')
    const file = readPolicy(options.config)
    const policy = compilePolicy(file, () => '-----BEGIN CERTIFICATE-----')
    const results: Result[] = []
    for (const test of file.tests) results.push(await runTest(file, policy, test))
    io.stdout(formatters[format](file, results))
    if (results.length === 0) io.stderr(`${file.name}: there are no tests: in it\n`)
    return results.every(result => result.passed) ? 0 : 1
  } catch (error) {
    return printError(error, io)
  }
}

function formatOf(text: string): Format {
  const format = formats.find(known => known === text)
  if (format === undefined) throw new SallyportError('USAGE', `there is no format ${text}`, { fix: `use one of ${formats.join(', ')}` })
  return format
}

async function runTest(file: PolicyFile, policy: Policy, test: PolicyTest): Promise<Result> {
  const entry = connectionEntry(file, test.to)
  const identity = identityOf(file, test.issuer, test.claims)
  const commands = await readCommands(entry, test.run)
  const decided = strictest(commands.map(command => ({ decision: policy.decide(identity, entry.connection, command, noRun) })))
  if (decided === undefined) throw new SallyportError('USAGE', `test "${test.name}" holds no command`)
  return { test, decision: decided.decision, passed: decided.decision.outcome === test.expect }
}

const formatters: Readonly<Record<Format, (file: PolicyFile, results: readonly Result[]) => string>> = {
  text: (file, results) => {
    const lines = results.map(result =>
      result.passed ? `ok    ${result.test.name}` : `FAIL  ${result.test.name}\n      ${placeOf(file, result)}: ${wrongWords(result)}`,
    )
    const failed = results.filter(result => !result.passed).length
    return [...lines, `${results.length} tests, ${failed} failed`, ''].join('\n')
  },
  tap: (file, results) => {
    const lines = results.flatMap((result, index) => [
      `${result.passed ? 'ok' : 'not ok'} ${index + 1} - ${result.test.name.replaceAll('#', '\\#')}`,
      ...(result.passed
        ? []
        : ['  ---', `  message: ${JSON.stringify(wrongWords(result))}`, `  at: ${JSON.stringify(placeOf(file, result))}`, '  ...']),
    ])
    return ['TAP version 14', `1..${results.length}`, ...lines, ''].join('\n')
  },
  junit: (file, results) => {
    const failed = results.filter(result => !result.passed).length
    const cases = results.map(result => {
      const head = `    <testcase classname="${xml(file.name)}" name="${xml(result.test.name)}" file="${xml(file.name)}" line="${result.test.place.line}"`
      return result.passed ? `${head}/>` : `${head}><failure message="${xml(wrongWords(result))}"/></testcase>`
    })
    const suite = `  <testsuite name="policy" tests="${results.length}" failures="${failed}">`
    return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', suite, ...cases, '  </testsuite>', '</testsuites>', ''].join('\n')
  },
  github: (file, results) =>
    results
      .map(result =>
        result.passed
          ? `ok ${result.test.name}\n`
          : `::error file=${property(file.name)},line=${result.test.place.line},col=${result.test.place.column},title=policy test::${message(`${result.test.name}: ${wrongWords(result)}`)}\n`,
      )
      .join(''),
}

function wrongWords({ test, decision }: Result): string {
  return `expected ${test.expect}, but it is ${decision.outcome}: ${decisionWords(decision)}`
}

function placeOf(file: PolicyFile, { test }: Result): string {
  return `${file.name}:${test.place.line}:${test.place.column}`
}

function xml(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replaceAll(/[&<>"]/g, character => entities[character] ?? '')
}

/** GitHub's escapes of workflow commands. */
function message(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return message(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
