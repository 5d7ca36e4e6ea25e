// One client that is logged in: its channels, each judged before the target hears of it; and the one connection to the target they share.
import type {
  AcceptConnection,
  BaseAgent,
  Client,
  Connection as ClientConnection,
  PseudoTtyInfo,
  ServerChannel,
  Session as ClientSession,
} from 'ssh2'
import { GOVERNING_NAME } from '../../command/shell/shell-word.ts'
import { readExec } from '../../command/ssh/exec-command.ts'
import { SallyportError } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import { Borrowed, LentAgent } from './borrowed.ts'
import { ClientNotices } from './client-notices.ts'
import { ForwardDoor } from './forward-door.ts'
import type { ForwardDesk } from './forward-desk.ts'
import { onSessionRequests, read, terminalModes } from './library.ts'
import { ProcessRun } from './process-run.ts'
import type { Wish } from './process-run.ts'
import { SftpRun } from './sftp-run.ts'
import type { DisplayRequest } from './target-channel.ts'

/** Channels of one client at the same time; OpenSSH's own default for a server is 10 sessions. */
const MAX_CHANNELS = 64
const MAX_ENVIRONMENT = 64
/** What still runs when a client leaves has this long to end and to be recorded. */
const ENDING_MS = 2_000
const DISCONNECTED = 'client disconnected'
const LEFT = 'the client left'
export interface ClientSideParts {
  readonly client: ClientConnection
  readonly session: Session
  /** Name that the client logged in with. */
  readonly login: string
  /** @param agent lets the target's connections to an agent through, once one is granted. */
  readonly openTarget: (signal: AbortSignal, agent: BaseAgent) => Promise<Client>
}

/** What a client asked for before it said what to run. */
export interface Setting {
  readonly environment: ReadonlyMap<string, string>
  readonly pty: PseudoTtyInfo | null
  readonly agent: Promise<boolean>
  /** null = not asked for, or not granted. */
  readonly display: Promise<DisplayRequest | null>
}

const NOTHING_BORROWED = { agent: Promise.resolve(false), display: Promise.resolve(null) }

export class ClientSide {
  readonly #parts: ClientSideParts
  readonly #gone = new AbortController()
  readonly #target: Promise<Client>
  readonly #notices = new ClientNotices()
  readonly #borrowed: Borrowed
  readonly #forwards: ForwardDoor
  readonly #runs = new Set<Promise<void>>()
  #channels = 0
  #isClosed = false
  #closed: Promise<void> = Promise.resolve()

  constructor(parts: ClientSideParts) {
    this.#parts = parts
    const { client, session } = parts
    // Begun now, so that the login runs while the client sends its first request. Nothing runs there by it.
    this.#target = parts.openTarget(this.#gone.signal, new LentAgent(() => this.#borrowed.openAgent()))
    this.#target.then(
      target => {
        target.once('close', () => this.end('the target closed the connection'))
        if (this.#isClosed) target.end()
      },
      () => {},
    )
    const desk: ForwardDesk = {
      client,
      session,
      target: this.#openTarget(),
      notices: this.#notices,
      signal: this.#gone.signal,
      fail: error => this.#fail(error),
    }
    this.#borrowed = new Borrowed(desk)
    this.#forwards = new ForwardDoor(desk, { take: run => this.#takeChannel(run) })
    client.on('session', (accept, reject) => this.#openSession(accept, reject))
    client.on('end', () => void this.close(DISCONNECTED))
    client.on('close', () => void this.close(DISCONNECTED))
  }

  /** Ends the client's connection, once what ran has told it why. */
  end(reason: string): void {
    void this.close(reason).finally(() => this.#parts.client.end())
  }

  /** Gives everything back, and resolves when what ran has been recorded; idempotent. */
  close(reason: string): Promise<void> {
    if (this.#isClosed) return this.#closed
    this.#isClosed = true
    this.#closed = this.#leave(reason)
    return this.#closed
  }

  async #leave(reason: string): Promise<void> {
    this.#gone.abort(new SallyportError('COMMAND_CANCELLED', reason === DISCONNECTED ? LEFT : reason))
    const ended = Promise.allSettled(this.#runs)
    // Channels end with the connection. A target that does not answer is not waited for.
    const target = await this.#target.catch(() => null)
    target?.end()
    const patience = setTimeout(() => target?.destroy(), ENDING_MS)
    try {
      await ended
      this.#forwards.end()
      this.#borrowed.end()
    } catch {
      // The recording has failed: its state says so to everybody, and there is no session left to end.
    } finally {
      clearTimeout(patience)
      this.#parts.session.checkOut(reason)
    }
  }

  /** Counts a channel as long as it is open. @returns false when the client has too many. */
  #takeChannel(run: () => Promise<void>): boolean {
    if (!this.#hasRoom()) return false
    this.#channels += 1
    this.#watch(run().finally(() => (this.#channels -= 1)))
    return true
  }

  #hasRoom(): boolean {
    if (this.#channels < MAX_CHANNELS) return true
    this.#note(`a client may have ${MAX_CHANNELS} channels open`)
    return false
  }

  #watch(run: Promise<void>): void {
    const watched = run.catch(error => this.#fail(error)).finally(() => this.#runs.delete(watched))
    this.#runs.add(watched)
  }

  #openSession(accept: AcceptConnection<ClientSession>, reject: () => void): void {
    if (!this.#hasRoom()) {
      reject()
      return
    }
    const { client } = this.#parts
    const asked = accept()
    const environment = new Map<string, string>()
    const left = new AbortController()
    const signal = AbortSignal.any([left.signal, this.#gone.signal])
    let pty: PseudoTtyInfo | null = null
    let run: ProcessRun | null = null
    let borrowed: Pick<Setting, 'agent' | 'display'> = NOTHING_BORROWED
    this.#channels += 1
    asked.once('close', () => {
      this.#channels -= 1
      left.abort(new SallyportError('COMMAND_CANCELLED', LEFT))
    })
    asked.on('env', (yes, no, { key, val }) => {
      // A client may not choose what a shell, a loader or a tool runs before the command that was judged. git says its version by one.
      if ((GOVERNING_NAME.test(key) && key !== 'GIT_PROTOCOL') || environment.size >= MAX_ENVIRONMENT || /[^\x20-\x7e]/.test(key)) {
        no?.()
        return
      }
      environment.set(key, val)
      yes?.()
    })
    asked.on('pty', (yes, _no, info) => {
      pty = Object.assign(info, { modes: terminalModes(client) })
      yes?.()
    })
    onSessionRequests(client, asked, {
      endOfWrite: () => run?.endOfWrite(),
      resized: size => run?.resize(size),
      signalled: name => run?.signal(name),
    })
    asked.on('auth-agent', (yes, no) => {
      const granted = this.#borrowed.ask('agent', signal)
      borrowed = { ...borrowed, agent: Promise.resolve(granted) }
      // While people are asked the client is told yes: the answer to its next request must not wait for this one.
      if (granted === false) no?.()
      else yes?.()
    })
    asked.on('x11', (yes, no, info) => {
      const granted = this.#borrowed.ask('x11', signal)
      const request = { single: info.single, protocol: info.protocol, cookie: cookieOf(info), screen: info.screen }
      borrowed = { ...borrowed, display: Promise.resolve(granted).then(isGranted => (isGranted ? request : null)) }
      if (granted === false) no?.()
      else yes?.()
    })
    const start = (channel: ServerChannel, wish: Wish): void => {
      run = this.#start(channel, wish, { environment, pty, ...borrowed }, signal)
    }
    // Accepted in the handler itself, always: the library loses the channel, and what stands in it, when it is answered later.
    asked.on('exec', (yes, _no, { command }) => {
      const channel = yes()
      const reading = readExec(command, pty !== null)
      if (reading.kind === 'sftp') this.#serveFiles(channel, environment, signal)
      else start(channel, { kind: 'exec', line: command, reading })
    })
    asked.on('shell', yes => start(yes(), { kind: 'shell' }))
    asked.on('subsystem', (yes, no, { name }) => {
      if (name !== 'sftp') {
        this.#note(`the subsystem ${name} is not offered`)
        no()
        return
      }
      this.#serveFiles(yes(), environment, signal)
    })
  }

  #start(channel: ServerChannel, wish: Wish, setting: Setting, signal: AbortSignal): ProcessRun {
    const run = new ProcessRun({
      channel,
      session: this.#parts.session,
      target: this.#openTarget(),
      notices: this.#notices,
      setting,
      signal,
    })
    this.#watch(run.start(wish))
    return run
  }

  #serveFiles(channel: ServerChannel, environment: ReadonlyMap<string, string>, signal: AbortSignal): void {
    const run = new SftpRun({ channel, session: this.#parts.session, target: this.#openTarget(), environment, signal })
    this.#watch(run.start())
  }

  /** The target, for a client whose login name is the connection's. */
  #openTarget(): Promise<Client> {
    const { login, session } = this.#parts
    const { name, user } = session.connection
    if (user === null || [user, name, 'sallyport'].includes(login)) return this.#target
    const refused = Promise.reject(
      new SallyportError('TARGET_LOGIN_REFUSED', `${name} logs in as ${user} and as nobody else`, {
        fix: `leave the login name out, or use ${user}`,
      }),
    )
    refused.catch(() => {})
    return refused
  }

  #note(message: string): void {
    try {
      this.#parts.session.append({ kind: 'error', command: null, code: 'COMMAND_DENIED', message })
    } catch (error) {
      this.#fail(error)
    }
  }

  /** A run never fails for what client or target did: this is a recording that cannot be written, or a defect. */
  #fail(error: unknown): void {
    this.end(error instanceof SallyportError ? error.message : 'the gateway failed')
  }
}

/** The library gives the cookie as bytes, and says that it is a text. */
function cookieOf(info: object): Buffer {
  const cookie = read(info, 'cookie')
  return Buffer.isBuffer(cookie) ? Buffer.from(cookie) : Buffer.from(typeof cookie === 'string' ? cookie : '', 'latin1')
}
