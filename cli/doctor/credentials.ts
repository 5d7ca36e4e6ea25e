// Checks of credential references (E21): what they name is there. Nothing is fetched, no value is looked at beyond being there.
import { accessSync, constants } from 'node:fs'
import type { CredentialRef } from '../../gateway/core/connection.ts'
import type { PolicyFile } from '../../gateway/policy/policy-file.ts'
import type { Finding } from './finding.ts'

export function checkCredentials(policy: PolicyFile, environment: Readonly<Record<string, string>>): readonly Finding[] {
  return [...policy.connections.values()].map(({ connection }) => checkRef(connection.name, connection.credential, environment))
}

function checkRef(name: string, ref: CredentialRef, environment: Readonly<Record<string, string>>): Finding {
  const what = `credential of ${name}`
  const found = (isThere: boolean, words: string, fix: string): Finding => ({
    id: 'E21',
    what,
    state: isThere ? 'fine' : 'bad',
    words,
    fix: isThere ? null : fix,
  })
  switch (ref.scheme) {
    case 'env': {
      const isThere = (environment[ref.path] ?? '') !== ''
      return found(
        isThere,
        isThere ? `${ref.text} is set` : `${ref.text} is not set`,
        'set the variable for the step that uses Sallyport, from a secret',
      )
    }
    case 'file': {
      const isThere = isReadable(ref.path)
      return found(isThere, isThere ? `${ref.text} can be read` : `${ref.text} cannot be read`, 'check the path and its permissions')
    }
    default:
      return { id: 'E21', what, state: 'unknown', words: `${ref.text} is only asked when a gateway starts`, fix: null }
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}
