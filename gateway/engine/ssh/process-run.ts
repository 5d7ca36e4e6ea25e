// One command or shell: accepted at once, judged, then run on the target with all streams passed on as they are.
import { Transform } from 'node:stream'
import type { ClientChannel, Client, ServerChannel, WindowChangeInfo } from 'ssh2'
import type { SshCommand } from '../../core/command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import type { Admission, Session } from '../../core/session.ts'
import { Permit } from '../../core/permit.ts'
import type { ExecReading } from '../../command/ssh/exec-command.ts'
import { shellCommand } from '../../command/ssh/shell-command.ts'
import { ClientOutput } from './client-output.ts'
import type { Exit } from './client-output.ts'
import type { Setting } from './client-side.ts'
import type { ClientNotices } from './client-notices.ts'
import { sendEndOfWrite, sendSignal, sendSize } from './library.ts'
import { heldLine, refusalLines } from './held-words.ts'
import { StreamCapture } from './stream-capture.ts'
import { startProcess } from './target-channel.ts'
import { TerminalLog } from './terminal-log.ts'
import { TextStream } from './text-stream.ts'

/** A terminal's output is passed on after this much quiet, whole line or not. */
const TERMINAL_QUIET_MS = 20
/** So is a prompt of a command without a terminal, when nothing that is masked can be in it. */
const PROMPT_QUIET_MS = 500

export interface ProcessRunParts {
  readonly channel: ServerChannel
  readonly session: Session
  readonly target: Promise<Client>
  readonly notices: ClientNotices
  readonly setting: Setting
  /** The client is gone, or has closed this channel. */
  readonly signal: AbortSignal
}

export type Wish =
  | { readonly kind: 'exec'; readonly line: string; readonly reading: Exclude<ExecReading, { kind: 'sftp' }> }
  | { readonly kind: 'shell' }

export class ProcessRun {
  readonly #parts: ProcessRunParts
  readonly #output: ClientOutput
  #upstream: ClientChannel | null = null
  #terminal: TerminalLog | null = null
  #size: WindowChangeInfo | null = null

  constructor(parts: ProcessRunParts) {
    this.#parts = parts
    this.#output = new ClientOutput(parts.channel)
    const { notices, signal } = parts
    notices.add(this.#output)
    signal.addEventListener('abort', () => notices.remove(this.#output), { once: true })
  }

  /** Resolves when the channel is over. @throws {SallyportError} RECORDING_FAILED: the session must end. */
  async start(wish: Wish): Promise<void> {
    const startedAt = performance.now()
    let admission: Admission
    let upstream: ClientChannel
    try {
      admission = await this.#admit(wish)
      const { session, setting } = this.#parts
      if (setting.pty !== null) this.#terminal = new TerminalLog(session, admission.numbers[0] ?? 0, setting.pty)
      upstream = await this.#open(wish, admission)
    } catch (error) {
      this.#terminal?.close()
      const { text, status } = refusalLines(error)
      this.#output.say(text)
      await this.#output.finish({ kind: 'status', status })
      if (error instanceof SallyportError && error.code === 'RECORDING_FAILED') throw error
      return
    }
    await this.#relay(upstream, wish, admission.numbers[0] ?? 0, startedAt)
  }

  resize(size: WindowChangeInfo): void {
    this.#size = size
    if (this.#upstream === null) return
    this.#terminal?.resize(size)
    sendSize(this.#upstream, size)
  }

  signal(name: string): void {
    if (this.#upstream !== null) sendSignal(this.#upstream, name)
  }

  /** Nobody reads the output any more: the target is told, and what still comes is dropped. */
  endOfWrite(): void {
    if (this.#upstream !== null) sendEndOfWrite(this.#upstream)
    this.#output.drop()
  }

  async #admit(wish: Wish): Promise<Admission> {
    const { session, setting, signal } = this.#parts
    const reading = wish.kind === 'exec' ? wish.reading : { kind: 'commands' as const, isCopy: false, commands: [shellCommand()] }
    if (reading.kind === 'refused') {
      session.append({ kind: 'error', command: null, code: 'COMMAND_DENIED', message: reading.reason })
      throw new Refusal('COMMAND_DENIED', null, `sallyport: denied: ${reading.reason}`)
    }
    const environment = [...setting.environment].map(([name, value]) => `${name}=${value}`)
    const commands: readonly SshCommand[] = reading.commands
    return session.admit(commands, {
      bytes: () => Buffer.from(JSON.stringify([wish.kind, wish.kind === 'exec' ? wish.line : '', ...environment])),
      signal,
      onHeld: hold => this.#output.say(heldLine(hold)),
      notes: environment.length === 0 ? [] : [`environment: ${environment.join(' ')}`],
    })
  }

  async #open(wish: Wish, admission: Admission): Promise<ClientChannel> {
    const { setting, session, signal } = this.#parts
    const [number = 0] = admission.numbers
    let target: Client
    try {
      target = await this.#parts.target
    } catch (error) {
      const known =
        error instanceof SallyportError ? error : new SallyportError('TARGET_UNREACHABLE', 'the target cannot be reached', { cause: error })
      session.append({ kind: 'error', command: number, code: known.code, message: known.message })
      throw known
    }
    const [hasAgent, display] = await Promise.all([setting.agent, setting.display])
    if (signal.aborted) {
      session.append({ kind: 'result', command: number, tag: `not run: ${endedBy(signal)}`, rows: 0, durationMs: 0 })
      throw new Refusal('COMMAND_CANCELLED', null, `sallyport: cancelled: ${endedBy(signal)}`)
    }
    if (!Permit.isMinted(admission.permit)) throw new SallyportError('INTERNAL', 'a command without a permit')
    try {
      const { channel, refused } = await startProcess(target, { ...setting, hasAgent, display }, wish)
      for (const what of refused) this.#output.say(`sallyport: the target refused ${refusedWords[what]}`)
      return channel
    } catch (error) {
      session.append({ kind: 'error', command: number, code: 'TARGET_UNREACHABLE', message: 'the target refused the channel' })
      throw new SallyportError('TARGET_UNREACHABLE', 'the target refused the channel', {
        why: 'it limits sessions or requests',
        cause: error,
      })
    }
  }

  async #relay(upstream: ClientChannel, wish: Wish, command: number, startedAt: number): Promise<void> {
    const { channel, session, signal } = this.#parts
    const terminal = this.#terminal
    const capture = new StreamCapture(session.keptRows)
    const masks: TextStream[] = []
    // The other side of a copy: bytes of files, which a changed one would break. They are counted, not masked, as by sftp.
    const isCopy = wish.kind === 'exec' && wish.reading.kind === 'commands' && wish.reading.isCopy
    const text = isCopy ? null : session.masker.text
    this.#upstream = upstream
    if (this.#size !== null) this.resize(this.#size)
    let exit: Exit | null = null
    upstream.on('exit', (code: number | null, signal?: string, hasCore?: boolean, description?: string) => {
      exit =
        code === null
          ? { kind: 'signal', signal: (signal ?? 'SIGTERM').replace(/^SIG/, ''), hasCore: hasCore === true, description: description ?? '' }
          : { kind: 'status', status: code }
    })
    upstream.on('error', () => upstream.close())
    channel.once('close', () => upstream.close())
    if (signal.aborted) upstream.close()
    // What a shell without a terminal is fed is what it runs.
    const fed = wish.kind === 'shell' && terminal === null ? new TextStream(text) : null
    channel.on('data', (bytes: Buffer) => {
      capture.bytes.stdin += bytes.length
      if (fed !== null) capture.keep('stdin', fed.push(bytes))
    })
    const broken = new AbortController()
    const failed = (error: unknown): void => broken.abort(error)
    const failure = new Promise<never>((_, reject) => broken.signal.addEventListener('abort', () => reject(broken.signal.reason)))
    if (terminal === null) channel.pipe(upstream)
    else {
      upstream.on('data', (bytes: Buffer) => terminal.echo(bytes))
      channel.pipe(terminal.typing().once('error', failed)).pipe(upstream)
    }
    const pass = (name: 'stdout' | 'stderr'): Promise<void> => {
      const mask = new TextStream(text)
      masks.push(mask)
      const source = name === 'stdout' ? upstream : upstream.stderr
      const sink = name === 'stdout' ? this.#output.stdout : this.#output.stderr
      const taken = (bytes: Buffer): Promise<void> | null => {
        if (terminal !== null) {
          capture.bytes[name] += bytes.length
          return terminal.output(bytes)
        }
        capture.take(name, bytes)
        return null
      }
      return new Promise(done => {
        source
          .pipe(this.#passing(mask, terminal !== null, taken).once('error', failed))
          .pipe(sink)
          .once('finish', done)
      })
    }
    const closed = new Promise<void>(done => upstream.once('close', () => done()))
    try {
      await Promise.race([Promise.all([pass('stdout'), pass('stderr'), closed]), failure])
    } catch (error) {
      upstream.close()
      throw error
    } finally {
      this.#upstream = null
      terminal?.close()
    }
    if (fed !== null) capture.keep('stdin', fed.flush())
    this.#record(command, capture, masks, exit, performance.now() - startedAt)
    await this.#output.finish(exit)
  }

  #passing(mask: TextStream, isTerminal: boolean, taken: (bytes: Buffer) => Promise<void> | null): Transform {
    let timer: NodeJS.Timeout | null = null
    const emit = (stream: Transform, bytes: Buffer, done: (error?: Error | null) => void): void => {
      if (bytes.length === 0) {
        done()
        return
      }
      try {
        const room = taken(bytes)
        stream.push(bytes)
        if (room === null) done()
        else room.then(() => done(), done)
      } catch (error) {
        done(error instanceof Error ? error : new Error('the recording failed'))
      }
    }
    return new Transform({
      transform(chunk: Buffer, _, done) {
        if (timer !== null) clearTimeout(timer)
        timer = null
        emit(this, mask.push(chunk), done)
        if (!mask.hasHeld || !(isTerminal || mask.isHarmless)) return
        const late = (error?: Error | null): void => {
          if (error !== undefined && error !== null) this.destroy(error)
        }
        timer = setTimeout(() => emit(this, mask.flush(), late), isTerminal ? TERMINAL_QUIET_MS : PROMPT_QUIET_MS)
      },
      flush(done) {
        if (timer !== null) clearTimeout(timer)
        emit(this, mask.flush(), done)
      },
    })
  }

  #record(command: number, capture: StreamCapture, masks: readonly TextStream[], exit: Exit | null, durationMs: number): void {
    const { session, signal } = this.#parts
    const { stdin, stdout, stderr } = capture.bytes
    const rows = capture.event(command)
    if (rows !== null) session.append(rows)
    const found = new Map<string, number>()
    for (const mask of masks) for (const [rule, times] of mask.found) found.set(rule, (found.get(rule) ?? 0) + times)
    for (const [rule, values] of found) session.append({ kind: 'mask', command, rule, column: '', values })
    const words =
      exit === null
        ? signal.aborted
          ? `${endedBy(signal)} before the end`
          : 'no exit status'
        : exit.kind === 'status'
          ? `exit ${exit.status}`
          : `signal ${exit.signal}`
    session.append({
      kind: 'result',
      command,
      tag: `${words}, ${stdin} bytes in, ${stdout} out, ${stderr} err`,
      rows: 0,
      durationMs,
    })
  }
}

const refusedWords = { terminal: 'a terminal', agent: 'agent forwarding', display: 'X11 forwarding' }

/** Who ended it, in words for the recording. */
function endedBy(signal: AbortSignal): string {
  return signal.reason instanceof Error ? signal.reason.message : 'the session ended'
}
