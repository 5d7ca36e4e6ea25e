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

/** A connection through the target to another address. */
export function forwardCommand(kind: 'tcp' | 'unix', destination: string): SshCommand {
  return {
    protocol: 'ssh',
    request: 'forward',
    verb: 'forward',
    resources: [destination],
    text: `forward ${kind} ${destination}`,
    certainty: 'opaque',
    doubt: 'what will be sent through it is not known',
    programs: [],
    argvs: [[kind, destination]],
    operation: 'local',
    paths: [],
  }
}
