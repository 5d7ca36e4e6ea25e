// A client's own agent and display, opened to the target where a rule allows it (-A, -X): the target opens connections, they end at the client.
import { duplexPair } from 'node:stream'
import type { Duplex } from 'node:stream'
import ssh2 from 'ssh2'
import { borrowedCommand } from '../../command/ssh/forward-command.ts'
import { failIfOurs, judgeForward, refusalLine, refuseUnread } from './forward-desk.ts'
import type { ForwardDesk } from './forward-desk.ts'
import { joinStreams } from './join-streams.ts'
import { openChannel, openedChannel } from './library.ts'

export type Loan = 'agent' | 'x11'

/** Connections to a client's agent and display at the same time. */
const MAX_CONNECTIONS = 128

interface Granted {
  readonly number: number
  readonly startedAt: number
  connections: number
  sent: number
  received: number
}

export class Borrowed {
  readonly #desk: ForwardDesk
  readonly #granted = new Map<Loan, Granted[]>([
    ['agent', []],
    ['x11', []],
  ])
  #connections = 0

  constructor(desk: ForwardDesk) {
    this.#desk = desk
    desk.target.then(
      target => {
        target.on('x11', (info, accept, reject) => {
          const opened = openedChannel(done => desk.client.x11(info.srcIP, info.srcPort, done))
          void this.#connect('x11', opened, accept, reject)
        })
      },
      () => {},
    )
  }

  /** Judges the wish; at once unless a person is asked. False is said to the client, and recorded. */
  ask(loan: Loan, signal: AbortSignal): boolean | Promise<boolean> {
    const taken = (number: number): boolean => {
      this.#granted.get(loan)?.push({ number, startedAt: performance.now(), connections: 0, sent: 0, received: 0 })
      return true
    }
    const refused = (error: unknown): boolean => {
      this.#desk.notices.say(`${refusalLine(error)} (${loan} forwarding)`)
      failIfOurs(this.#desk, error)
      return false
    }
    try {
      const judged = judgeForward(this.#desk, borrowedCommand(loan), signal)
      return judged instanceof Promise ? judged.then(taken, refused) : taken(judged)
    } catch (error) {
      return refused(error)
    }
  }

  /** One connection of the target to the client's agent. */
  openAgent(): Duplex {
    const [near, far] = duplexPair()
    const opened = openChannel(this.#desk.client, 'auth-agent@openssh.com', 'openssh_authAgent')
    void this.#connect(
      'agent',
      opened,
      () => far,
      () => far.end(),
    )
    return near
  }

  /** Records the ends. */
  end(): void {
    for (const granted of this.#granted.values()) {
      for (const { number, startedAt, connections, sent, received } of granted.splice(0)) {
        const tag = `closed, ${connections} ${connections === 1 ? 'connection' : 'connections'}, ${sent} bytes sent, ${received} received`
        this.#desk.session.append({ kind: 'result', command: number, tag, rows: 0, durationMs: performance.now() - startedAt })
      }
    }
  }

  async #connect(loan: Loan, opened: Promise<Duplex>, accept: () => Duplex, reject: () => void): Promise<void> {
    // The target's connections do not say for which command they are: they are counted with the latest.
    const granted = this.#granted.get(loan)?.at(-1)
    try {
      if (granted === undefined || this.#connections >= MAX_CONNECTIONS) {
        if (granted !== undefined)
          refuseUnread(this.#desk, `more than ${MAX_CONNECTIONS} connections at a time to the client's agent or display`)
        throw new Error('not granted')
      }
      this.#connections += 1
      try {
        granted.connections += 1
        await joinStreams(await opened, accept(), (sent, received) => {
          granted.sent += sent
          granted.received += received
        })
      } finally {
        this.#connections -= 1
      }
    } catch {
      // The client refused, or is gone: the target is told that nobody is there.
      opened.then(
        stream => stream.destroy(),
        () => {},
      )
      reject()
    }
  }
}

/** What makes the library let the target's connections to an agent through. It never signs: the gateway's own login needs no agent. */
export class LentAgent extends ssh2.BaseAgent {
  readonly #open: () => Duplex

  constructor(open: () => Duplex) {
    super()
    this.#open = open
  }

  override getIdentities(done: (error: Error) => void): void {
    done(new Error('this agent is only lent'))
  }

  override sign(): void {
    throw new Error('this agent is only lent')
  }

  override getStream(done: (error: Error | null, stream: Duplex) => void): void {
    done(null, this.#open())
  }
}
