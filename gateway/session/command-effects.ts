// What a command does, in the words of its protocol's rules; for recordings and for refusals.
import type { Command } from '../core/command.ts'

/** SQL effects in the contract's order; the request of ssh with its operation; the verb of Kubernetes and what else it can do. */
export function effectsOf(command: Command): readonly string[] {
  switch (command.protocol) {
    case 'postgres':
      return [...command.effects]
    case 'ssh':
      return command.operation === null ? [command.request] : [command.request, command.operation]
    case 'kubernetes':
      return [command.verb, ...command.powers]
  }
}
