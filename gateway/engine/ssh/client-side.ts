// One client that is logged in: its channels, each judged before the target hears of it; and the one connection to the target they share.
import type { AcceptConnection, Client, Connection as ClientConnection, PseudoTtyInfo, ServerChannel, Session as ClientSession } from 'ssh2'
import { readExec } from '../../command/ssh/exec-command.ts'
import { SallyportError } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import { openForward } from './forward.ts'
import { onEndOfWrite } from './library.ts'
import { ProcessRun } from './process-run.ts'
import type { Wish } from './process-run.ts'
import { SftpRun } from './sftp-run.ts'

/** Channels of one client at the same time; OpenSSH's own default for a server is 10 sessions. */
const MAX_CHANNELS = 64
const MAX_ENVIRONMENT = 64
/** A client may not choose what a shell or a loader runs before the command that was judged. */
const REFUSED_VARIABLES =
  /^(?:PATH|IFS|ENV|BASH_ENV|BASH_FUNC.*|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|LD_.*|DYLD_.*|GIT_.*SSH.*|GIT_EXEC_PATH|PYTHON.*|PERL.*|RUBY.*|NODE_OPTIONS)$/

export interface ClientSideParts {
  readonly client: ClientConnection
  readonly session: Session
  /** Name that the client logged in with. */
  readonly login: string
  readonly openTarget: (signal: AbortSignal) => Promise<Client>
}

/** What a client asked for before it said what to run. */
export interface Setting {
  readonly environment: ReadonlyMap<string, string>
  readonly pty: PseudoTtyInfo | null
}

export class ClientSide {
  readonly #parts: ClientSideParts
  readonly #gone = new AbortController()
  readonly #target: Promise<Client>
  #channels = 0
  #isClosed = false

  constructor(parts: ClientSideParts) {
    this.#parts = parts
    const { client } = parts
    // Begun now, so that the login runs while the client sends its first request. Nothing runs there by it.
    this.#target = parts.openTarget(this.#gone.signal)
    this.#target.then(
      target => {
        target.once('close', () => this.end('the target closed the connection'))
        if (this.#isClosed) target.end()
      },
      () => {},
    )
    client.on('session', accept => this.#openSession(accept))
    client.on('tcpip', (accept, reject, info) => {
      if (this.#channels >= MAX_CHANNELS) reject()
      else void openForward({ session: parts.session, target: this.#target, signal: this.#gone.signal }, accept, reject, info)
    })
    // Listening is what lets the library heed no-more-sessions. Remote forwarding is refused, and the refusal is recorded.
    client.on('request', (_accept, reject, name) => {
      this.#note(`${name} is not offered`)
      reject?.()
    })
    client.on('end', () => this.close('client disconnected'))
    client.on('close', () => this.close('client disconnected'))
  }

  /** Ends the client's connection. */
  end(reason: string): void {
    this.close(reason)
    this.#parts.client.end()
  }

  /** Gives everything back; idempotent. */
  close(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#gone.abort(new SallyportError('COMMAND_CANCELLED', 'the client went away'))
    this.#target.then(
      target => target.end(),
      () => {},
    )
    this.#parts.session.checkOut(reason)
  }

  #openSession(accept: AcceptConnection<ClientSession>): void {
    const asked = accept()
    const environment = new Map<string, string>()
    let pty: PseudoTtyInfo | null = null
    let run: ProcessRun | null = null
    this.#channels += 1
    asked.once('close', () => (this.#channels -= 1))
    asked.on('env', (yes, no, { key, val }) => {
      if (REFUSED_VARIABLES.test(key) || environment.size >= MAX_ENVIRONMENT || /[^\x20-\x7e]/.test(key)) {
        no?.()
        return
      }
      environment.set(key, val)
      yes?.()
    })
    asked.on('pty', (yes, _no, info) => {
      pty = info
      yes?.()
    })
    asked.on('window-change', (yes, _no, info) => {
      run?.resize(info)
      yes?.()
    })
    asked.on('signal', (yes, _no, { name }) => {
      run?.signal(name)
      yes?.()
    })
    onEndOfWrite(this.#parts.client, asked, () => run?.endOfWrite())
    asked.on('auth-agent', (_yes, no) => {
      this.#note('agent forwarding is not offered')
      no?.()
    })
    asked.on('x11', (_yes, no) => {
      this.#note('x11 forwarding is not offered')
      no?.()
    })
    // Accepted in the handler itself, always: the library loses the channel, and what stands in it, when it is answered later.
    asked.on('exec', (yes, _no, { command }) => {
      const channel = yes()
      const reading = readExec(command)
      if (reading.kind === 'sftp') this.#serveFiles(channel)
      else run = this.#start(channel, { kind: 'exec', line: command, reading }, { environment, pty })
    })
    asked.on('shell', yes => (run = this.#start(yes(), { kind: 'shell' }, { environment, pty })))
    asked.on('subsystem', (yes, no, { name }) => {
      if (name !== 'sftp') {
        this.#note(`the subsystem ${name} is not offered`)
        no()
        return
      }
      this.#serveFiles(yes())
    })
  }

  #start(channel: ServerChannel, wish: Wish, setting: Setting): ProcessRun {
    const run = new ProcessRun({
      channel,
      session: this.#parts.session,
      target: this.#openTarget(),
      setting,
      signal: this.#gone.signal,
    })
    run.start(wish).catch(error => this.#fail(error))
    return run
  }

  #serveFiles(channel: ServerChannel): void {
    const run = new SftpRun({ channel, session: this.#parts.session, target: this.#openTarget(), signal: this.#gone.signal })
    run.start().catch(error => this.#fail(error))
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
