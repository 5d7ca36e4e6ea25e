// The policy of a run: its text from where the launch says, parsed, with the authorities it names. Part of the composition root.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readPolicyFile } from './adapter/github-policy/policy-file.ts'
import type { LaunchRequest } from './control/protocol.ts'
import { SallyportError } from './core/errors.ts'
import type { Policy } from './core/policy.ts'
import { Secret } from './core/secret.ts'
import { compilePolicy } from './policy/compile-policy.ts'
import { parsePolicy } from './policy/parse-policy.ts'
import { authorityFiles, type Authority, type PolicyFile } from './policy/policy-file.ts'

export interface RunPolicy {
  readonly file: PolicyFile
  readonly policy: Policy
  /** Where it was read, for the recording. */
  readonly source: string
  /** PEM text of an authority of the file. */
  readonly authorityText: (authority: Authority | null) => string | null
}

/** What of a request says where the policy is. */
type PolicyRequest = Pick<LaunchRequest, 'policy' | 'environment' | 'githubToken'>

/** @throws {SallyportError} POLICY_INVALID, UNREADABLE, USAGE. */
export async function readRunPolicy(launch: PolicyRequest, signal: AbortSignal): Promise<RunPolicy> {
  const { text, source, readBeside } = await textOf(launch, signal)
  const file = parsePolicy(text, source)
  const texts = new Map<string, string>()
  for (const name of authorityFiles(file)) texts.set(name, await readBeside(name))
  const read = (name: string): string => texts.get(name) ?? ''
  return {
    file,
    policy: compilePolicy(file, read),
    source,
    authorityText: authority => (authority === null ? null : authority.kind === 'pem' ? authority.text : read(authority.path)),
  }
}

interface PolicyText {
  readonly text: string
  readonly source: string
  /** A file that the policy names, from the same place as the policy itself. */
  readonly readBeside: (name: string) => Promise<string>
}

async function textOf(launch: PolicyRequest, signal: AbortSignal): Promise<PolicyText> {
  const { policy } = launch
  switch (policy.kind) {
    case 'text':
      return {
        text: policy.text,
        source: policy.name,
        readBeside: name => Promise.resolve(readFile(path.resolve(path.dirname(policy.name), name))),
      }
    case 'github': {
      const repository = launch.environment['GITHUB_REPOSITORY'] ?? ''
      const token = new Secret(launch.githubToken)
      const request = { config: policy.config, repository, token, environment: launch.environment }
      const found = await readPolicyFile(request, signal)
      return { ...found, readBeside: name => readOnRunner(name) }
    }
  }
}

/** A policy from the API may name an absolute path only: a relative one would be read from the checkout, which the pull request writes. */
function readOnRunner(name: string): Promise<string> {
  if (path.isAbsolute(name)) return Promise.resolve(readFile(name))
  throw new SallyportError('POLICY_INVALID', `the authority ${name} has no absolute path`, {
    why: 'a policy that is read through the API must not read files of the checkout',
    fix: 'put the PEM text into the policy, or name an absolute path of the runner',
  })
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SallyportError('UNREADABLE', `cannot read ${file}, which the policy names`, { cause })
  }
}
