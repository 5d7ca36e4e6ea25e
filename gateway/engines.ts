// One engine for each protocol. Part of the composition root.
import type { Connection } from './core/connection.ts'
import { SallyportError } from './core/errors.ts'
import type { Engine } from './core/session.ts'
import { createPostgresEngine } from './engine/postgres/engine.ts'
import { createSshEngine } from './engine/ssh/engine.ts'
import type { SshRunKeys } from './engine/ssh/run-keys.ts'
import type { RunPolicy } from './run-policy.ts'

/** @throws {SallyportError} USAGE for a protocol that this version does not speak. */
export async function engineFor(connection: Connection, { file }: RunPolicy, keys: SshRunKeys | null): Promise<Engine> {
  switch (connection.protocol) {
    case 'postgres':
      return createPostgresEngine({ trustedFunctions: file.connections.get(connection.name)?.trustedFunctions ?? new Set() })
    case 'ssh':
      if (keys === null) throw new SallyportError('INTERNAL', `no keys were made for ${connection.name}`)
      return createSshEngine({ keys })
    case 'kubernetes':
      throw new SallyportError('USAGE', `this version does not speak ${connection.protocol}, so ${connection.name} cannot be opened`, {
        why: 'only PostgreSQL and ssh connections can be opened yet',
        fix: 'name the connections to open: the `connections` input, or --connection',
      })
  }
}
