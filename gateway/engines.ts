// One engine for each protocol. Part of the composition root.
import type { Connection } from './core/connection.ts'
import { SallyportError } from './core/errors.ts'
import type { Engine } from './core/session.ts'
import { createKubernetesEngine } from './engine/kubernetes/engine.ts'
import { createPostgresEngine } from './engine/postgres/engine.ts'
import { createSshEngine } from './engine/ssh/engine.ts'
import type { SshRunKeys } from './engine/ssh/run-keys.ts'
import type { RunPolicy } from './run-policy.ts'
import type { RunCertificate } from './wire/kubernetes/run-certificate.ts'

/** @param certificate by which HTTPS clients know this run's gateway. */
export async function engineFor(
  connection: Connection,
  { file }: RunPolicy,
  keys: SshRunKeys | null,
  certificate: RunCertificate,
): Promise<Engine> {
  switch (connection.protocol) {
    case 'postgres':
      return createPostgresEngine({ trustedFunctions: file.connections.get(connection.name)?.trustedFunctions ?? new Set() })
    case 'ssh':
      if (keys === null) throw new SallyportError('INTERNAL', `no keys were made for ${connection.name}`)
      return createSshEngine({ keys })
    case 'kubernetes':
      return createKubernetesEngine(certificate)
  }
}
