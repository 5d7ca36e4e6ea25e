// `sallyport policy check`: reads the policy file and says all that is wrong with it. Reads nothing else and starts nothing.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { SallyportError } from '../gateway/core/errors.ts'
import { parsePolicy } from '../gateway/policy/parse-policy.ts'
import { authorityFiles } from '../gateway/policy/policy-file.ts'
import type { ConnectionEntry, PolicyFile } from '../gateway/policy/policy-file.ts'
import { policyJsonSchema } from '../gateway/policy/schema.ts'
import { findConfig, readText } from './find-config.ts'
import type { Io } from './io.ts'
import { printError } from './print-error.ts'

export interface PolicyCheckOptions {
  readonly config?: string | undefined
  /** Print the JSON Schema instead. */
  readonly schema?: boolean | undefined
}

/** Exit status: 0 the file is fine (warnings on stderr), 2 it is not, 3 it cannot be read. */
export function policyCheck(options: PolicyCheckOptions, io: Io): number {
  try {
    if (options.schema === true) {
      io.stdout(policyJsonSchema())
      return 0
    }
    const name = findConfig(options.config)
    const file = parsePolicy(readText(name), name)
    for (const warning of [...file.warnings, ...missingFiles(file, name)]) io.stderr(`warning: ${warning}\n`)
    io.stdout(`${name}: fine: ${countWords(file)}\n${file.digest}\n`)
    return 0
  } catch (error) {
    return printError(error, io)
  }
}

/** The gateway reads `ca:` files from where it reads the policy; here they are looked for beside it. */
function missingFiles(file: PolicyFile, name: string): readonly string[] {
  return authorityFiles(file).flatMap(authority => {
    try {
      if (readFileSync(path.join(path.dirname(name), authority), 'utf8').includes('-----BEGIN CERTIFICATE-----')) return []
      return [`${name}: ${authority} holds no PEM certificate`]
    } catch {
      return [`${name}: there is no file ${authority} beside it`]
    }
  })
}

/** How much is in it, for people. */
export function countWords(file: PolicyFile): string {
  const counts: readonly (readonly [number, string])[] = [
    [file.connections.size, 'connection'],
    [file.groups.size, 'group'],
    [file.rules.length, 'rule'],
    [file.masks.length, 'mask'],
    [file.tests.length, 'test'],
  ]
  return counts.map(([count, word]) => `${count} ${word}${count === 1 ? '' : 's'}`).join(', ')
}

/** What both other commands begin with. @throws {SallyportError} POLICY_INVALID, UNREADABLE, USAGE */
export function readPolicy(config: string | undefined): PolicyFile {
  const name = findConfig(config)
  return parsePolicy(readText(name), name)
}

/** @throws {SallyportError} USAGE when the file has no such connection. */
export function connectionEntry(file: PolicyFile, name: string): ConnectionEntry {
  const entry = file.connections.get(name)
  if (entry !== undefined) return entry
  throw new SallyportError('USAGE', `the policy has no connection ${name}`, {
    fix: `use one of ${[...file.connections.keys()].join(', ')}`,
  })
}
