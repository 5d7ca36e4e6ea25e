// Starts a process on the target with what its client asked for: environment, terminal, agent, display. All requests leave at once.
// The library's own calls wait for each answer, give up the command when a terminal is refused, and know no environment for subsystems.
import type { Client, ClientChannel, PseudoTtyInfo } from 'ssh2'
import { call, isChannel, openChannel, read } from './library.ts'

export interface DisplayRequest {
  readonly single: boolean
  readonly protocol: string
  readonly cookie: Buffer
  readonly screen: number
}

export interface ProcessSetting {
  readonly environment: ReadonlyMap<string, string>
  readonly pty: PseudoTtyInfo | null
  readonly hasAgent: boolean
  readonly display: DisplayRequest | null
}

export type Process =
  | { readonly kind: 'exec'; readonly line: string }
  | { readonly kind: 'shell' }
  | { readonly kind: 'subsystem'; readonly name: string }

export interface StartedProcess {
  readonly channel: ClientChannel
  /** What the target did not grant; the process runs without it, as it would for a client of its own. */
  readonly refused: readonly ('terminal' | 'agent' | 'display')[]
}

/** @throws {Error} when the target refuses the channel or the process. */
export async function startProcess(client: Client, setting: ProcessSetting, process: Process): Promise<StartedProcess> {
  const channel = await openChannel(client, 'session', 'session')
  if (!isClientChannel(channel)) throw new Error('ssh2: not a channel of a client')
  const protocol = read(client, '_protocol')
  const id = read(read(channel, 'outgoing'), 'id')
  const refused: ('terminal' | 'agent' | 'display')[] = []
  const asked = (granted: (isGranted: boolean) => void): void => {
    const callbacks = read(channel, '_callbacks')
    if (!Array.isArray(callbacks)) throw new Error('ssh2: no callbacks')
    callbacks.push((isRefused: unknown) => granted(isRefused === false))
  }
  const wanted = (name: 'terminal' | 'agent' | 'display', granted: () => void = () => {}): void =>
    asked(isGranted => {
      if (isGranted) granted()
      else refused.push(name)
    })
  for (const [name, value] of setting.environment) call(protocol, 'env', id, name, value, false)
  if (setting.pty !== null) {
    const { rows, cols, height, width, modes } = setting.pty
    wanted('terminal')
    call(protocol, 'pty', id, rows, cols, height, width, read(setting.pty, 'term') ?? '', modes, true)
  }
  if (setting.hasAgent) {
    wanted('agent', () => Reflect.set(client, '_agentFwdEnabled', true))
    call(protocol, 'openssh_agentForward', id, true)
  }
  if (setting.display !== null) {
    wanted('display', () => {
      takeDisplays(client, 1)
      channel.once('close', () => takeDisplays(client, -1))
    })
    call(protocol, 'x11Forward', id, setting.display, true)
  }
  return new Promise((resolve, reject) => {
    asked(isGranted => {
      if (isGranted) {
        // Without it the library passes no change of the window.
        Reflect.set(channel, 'subtype', process.kind)
        resolve({ channel, refused })
        return
      }
      channel.on('error', () => {})
      channel.close()
      reject(new Error(`the target refused the ${process.kind}`))
    })
    if (process.kind === 'exec') call(protocol, 'exec', id, process.line, true)
    else if (process.kind === 'shell') call(protocol, 'shell', id, true)
    else call(protocol, 'subsystem', id, process.name, true)
  })
}

/** The library lets connections to a display in while this counts above nothing. */
function takeDisplays(client: Client, change: 1 | -1): void {
  const count = read(client, '_acceptX11')
  Reflect.set(client, '_acceptX11', Math.max(0, (typeof count === 'number' ? count : 0) + change))
}

function isClientChannel(value: unknown): value is ClientChannel {
  return isChannel(value) && !value.server
}
