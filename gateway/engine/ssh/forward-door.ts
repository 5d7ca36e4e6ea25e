// Takes a client's wishes for forwards from the library and hands each to the room that judges it.
import { readSocketForward, readTcpForward } from '../../command/ssh/forward-command.ts'
import { openForward } from './forward.ts'
import type { ForwardCall } from './forward.ts'
import type { ForwardDesk } from './forward-desk.ts'
import { read, refuseChannel } from './library.ts'
import { Listeners } from './listeners.ts'
import type { ListenCall } from './listeners.ts'

/** RFC 4254, 5.1. */
const RESOURCE_SHORTAGE = 4

export interface ChannelCount {
  /** Counts a channel until the promise ends; false when there are too many. */
  readonly take: (run: () => Promise<void>) => boolean
}

export class ForwardDoor {
  readonly #desk: ForwardDesk
  readonly #channels: ChannelCount
  readonly #listeners: Listeners

  constructor(desk: ForwardDesk, channels: ChannelCount) {
    this.#desk = desk
    this.#channels = channels
    this.#listeners = new Listeners(desk)
    const { client } = desk
    client.on('tcpip', (accept, reject, { destIP, destPort, srcIP, srcPort }) => {
      this.#open({ forward: readTcpForward('tcp', destIP, destPort), from: { host: srcIP, port: srcPort }, accept, reject })
    })
    client.on('openssh.streamlocal', (accept, reject, { socketPath }) => {
      this.#open({ forward: readSocketForward('unix', socketPath), from: { host: '', port: 0 }, accept, reject })
    })
    // Listening is also what lets the library heed no-more-sessions.
    client.on('request', (accept, reject, name, info) => {
      const call = listenCallOf(info)
      const isCancel = name.startsWith('cancel-')
      const answered = isCancel ? this.#listeners.cancel(call) : this.#listeners.listen(call)
      answered.then(
        answer => {
          if (answer === null || answer === false) reject?.()
          else accept?.(typeof answer === 'number' ? answer : undefined)
        },
        error => desk.fail(error),
      )
    })
  }

  /** Records the ends of what is still open. */
  end(): void {
    this.#listeners.end()
  }

  #open(call: ForwardCall): void {
    const isTaken = this.#channels.take(() => openForward(this.#desk, call))
    if (!isTaken) refuseChannel(this.#desk.client, call.reject, RESOURCE_SHORTAGE, 'too many channels')
  }
}

/** What a client says of a place: an address and a port, or the path of a socket. */
function listenCallOf(info: unknown): ListenCall {
  const path = read(info, 'socketPath')
  if (typeof path === 'string') return { asked: { host: path, port: 0 }, forward: readSocketForward('unix-listen', path) }
  const host = read(info, 'bindAddr')
  const port = read(info, 'bindPort')
  const asked = { host: typeof host === 'string' ? host : '', port: typeof port === 'number' ? port : 0 }
  return { asked, forward: readTcpForward('tcp-listen', asked.host, asked.port) }
}
