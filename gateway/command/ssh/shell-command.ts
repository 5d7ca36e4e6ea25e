// A shell as one wish: what will be typed cannot be known, so it is taken or refused as a whole.
import type { SshCommand } from '../../core/command.ts'

export function shellCommand(): SshCommand {
  return {
    protocol: 'ssh',
    request: 'shell',
    verb: 'shell',
    resources: [],
    text: '(interactive shell)',
    certainty: 'opaque',
    doubt: 'what will be typed is not known',
    programs: [],
    argvs: [],
    operation: null,
    paths: [],
  }
}
