// `env://NAME`: a variable of the environment the launcher handed over. The gateway's own environment is never read.
import type { CredentialRef } from '../../core/connection.ts'
import type { CredentialSource } from '../../core/credential.ts'
import { checkParams, credentialUnavailable, readPlainCredential } from '../../core/plain-credential.ts'

/** @param environment the launcher's variables, taken once at start. */
export function createEnvSource(environment: Readonly<Record<string, string>>): CredentialSource {
  return {
    scheme: 'env',
    acquire: async ref => {
      checkParams(ref, [])
      const value = Object.hasOwn(environment, ref.path) ? environment[ref.path] : undefined
      if (value === undefined) throw credentialUnavailable(ref, 'the variable is not set')
      return readPlainCredential(Buffer.from(value, 'utf8'), ref)
    },
    close: async () => [],
  }
}

/** Variables that the job must not see: every one that some connection's credential names. */
export function hiddenVariables(refs: Iterable<CredentialRef>): readonly string[] {
  return [...new Set([...refs].filter(ref => ref.scheme === 'env').map(ref => ref.path))]
}
