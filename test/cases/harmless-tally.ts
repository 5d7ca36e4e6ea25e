// How much of harmless work was refused: what stands in its way, and what became of it.
import type { Masker } from '../../gateway/core/masker.ts'
import type { Policy } from '../../gateway/core/policy.ts'
import type { TestGateway } from '../engine/postgres/gateway-that.ts'

/** One way of standing in the way. */
export interface Guard {
  readonly name: 'policy' | 'masks'
  readonly policy: Policy
  readonly masker: Masker
}

/** What became of one group behind one guard. */
export interface Tally {
  readonly group: string
  readonly guard: Guard['name']
  readonly commands: number
  /** `text: why` of each that was refused. */
  readonly refused: readonly string[]
  /** Errors of the server's own: the case is not what it should be. */
  readonly broken: readonly string[]
}

/** What a gateway's recording says of everything that was sent through it. */
export function tallyOf(group: string, guard: Guard['name'], gateway: TestGateway): Tally {
  const texts = new Map(gateway.recorder.of('command').map(({ command, text }) => [command, text]))
  const denied = gateway.recorder
    .of('decision')
    .filter(({ outcome }) => outcome !== 'allow')
    .map(({ command, because }) => `${texts.get(command)?.slice(0, 160) ?? ''}: ${because ?? ''}`)
  const masked = gateway.recorder
    .of('error')
    .filter(({ message, command }) => command !== null && message.startsWith('sallyport:'))
    .map(({ command, message }) => `${texts.get(command ?? 0)?.slice(0, 160) ?? ''}: ${message}`)
  return { group, guard, commands: texts.size, refused: [...denied, ...masked], broken: [] }
}
