// An answer of Vault that is not a success: a status and the words of `errors`, and sometimes data beside them.

export class VaultError extends Error {
  readonly status: number
  readonly errors: readonly string[]
  readonly data: unknown

  constructor(status: number, errors: readonly string[], data?: unknown) {
    super(errors.join('; '))
    this.name = 'VaultError'
    this.status = status
    this.errors = errors
    this.data = data
  }
}

export function permissionDenied(): VaultError {
  return new VaultError(403, ['permission denied'])
}

export function noHandler(path: string): VaultError {
  return new VaultError(404, [`no handler for route "${path}". route entry not found.`])
}
