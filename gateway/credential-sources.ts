// From `sources:` of the policy to the adapters that speak to them. Part of the composition root.
import { createEnvSource } from './adapter/env/env-source.ts'
import { createExecSource } from './adapter/exec/exec-source.ts'
import { createFileSource } from './adapter/file/file-source.ts'
import { createVaultSource } from './adapter/vault/vault-source.ts'
import type { LaunchRequest } from './control/protocol.ts'
import type { Clock } from './core/clock.ts'
import type { CredentialRef } from './core/connection.ts'
import type { CredentialSource } from './core/credential.ts'
import { SallyportError } from './core/errors.ts'
import type { Http } from './core/http.ts'
import type { RunPolicy } from './run-policy.ts'

export interface CredentialSources {
  /** null = there is no such source. */
  readonly find: (ref: CredentialRef) => CredentialSource | null
  /** Gives back what can be given back; one line of words each. Never throws. */
  readonly close: (signal: AbortSignal) => Promise<readonly string[]>
}

/** Variables a credential program may see under `exec`. In a job none: an earlier step could have set them, PATH above all. */
const PROGRAM_VARIABLES = ['PATH', 'HOME', 'LANG', 'TZ']

/** Makes one adapter per entry; nothing is fetched yet. */
export function openSources(
  run: RunPolicy,
  launch: Pick<LaunchRequest, 'environment' | 'isolation' | 'watchPid'>,
  http: Http,
  clock: Clock,
): CredentialSources {
  const entries = [...run.file.sources.values()]
  const commands = new Map(entries.flatMap(source => (source.kind === 'exec' ? [[source.name, source.command] as const] : [])))
  const vaults = new Map<string, CredentialSource>()
  for (const source of entries) {
    if (source.kind !== 'vault') continue
    vaults.set(source.name, createVaultSource({ ...source, ca: run.authorityText(source.ca) }, { http, clock }))
  }
  const env = createEnvSource(launch.environment)
  const file = createFileSource({ refuseReadableByAll: launch.isolation === 'user' })
  const exec = createExecSource({ commands, environment: launch.watchPid === null ? pick(launch.environment, PROGRAM_VARIABLES) : {} })
  const find = (ref: CredentialRef): CredentialSource | null => {
    switch (ref.scheme) {
      case 'env':
        return env
      case 'file':
        return file
      case 'exec':
        return exec
      case 'vault':
        return vaults.get(ref.source) ?? null
      default:
        throw new SallyportError('CREDENTIAL_UNAVAILABLE', `this version has no source for ${ref.scheme}://`, {
          why: `${ref.text} cannot be read`,
          fix: 'use vault://, env://, file:// or exec://',
        })
    }
  }
  const close = async (signal: AbortSignal): Promise<readonly string[]> => {
    const words = await Promise.all([env, file, exec, ...vaults.values()].map(source => source.close(signal)))
    return words.flat()
  }
  return { find, close }
}

function pick(environment: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap(name => (environment[name] === undefined ? [] : [[name, environment[name]]])))
}
