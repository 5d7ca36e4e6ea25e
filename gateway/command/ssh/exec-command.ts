// A command line as a command; whatever is not understood is opaque.
import type { SshCommand } from '../../core/command.ts'
export type ExecReading =
  | { readonly kind: 'commands'; readonly commands: readonly SshCommand[] }
  | { readonly kind: 'refused'; readonly reason: string }
export function readExec(line: string): ExecReading {
  return {
    kind: 'commands',
    commands: [
      {
        protocol: 'ssh',
        request: 'exec',
        verb: 'exec',
        resources: [],
        text: line,
        certainty: 'opaque',
        doubt: 'command lines are not read yet',
        programs: [],
        argvs: [],
        operation: null,
        paths: [],
      },
    ],
  }
}
