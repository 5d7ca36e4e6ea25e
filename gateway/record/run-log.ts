// The log of one run: what is committed is on disk when the call returns. Fails closed: after one failure nothing is taken any more.
import fs from 'node:fs'
import path from 'node:path'
import type { Clock } from '../core/clock.ts'
import { SallyportError } from '../core/errors.ts'
import type { EventBody, EventKind, RunCounts, RunOpen } from '../core/events.ts'
import { failpoint } from '../core/failpoint.ts'
import type { Recorder } from '../core/recorder.ts'
import type { Sink } from '../core/sink.ts'
import type { TerminalRecording, TerminalSize } from '../core/terminal.ts'
import { encryptAge } from './age/age-file.ts'
import type { AgeKey } from './age/age-keys.ts'
import { boundedJson } from './bounded-event.ts'
import { CheckpointFiles } from './checkpoint-files.ts'
import { AGE_SUFFIX, EVENTS_FILE, KEYS_FILE, recordingFiles, REPLAY_FILE, STATEMENT_FILE } from './layout.ts'
import { LineSeal } from './line-seal.ts'
import { LogFile, replaceFile, Reserve, syncFolder } from './log-file.ts'
import type { Disk } from './log-file.ts'
import { MerkleTree } from './merkle-tree.ts'
import { renderPage, sourceIn } from './page.ts'
import type { RunEnding } from './page.ts'
import { PendingLines } from './pending-lines.ts'
import { RunStory } from './run-story.ts'
import { SegmentShipper } from './segment-shipper.ts'
import type { ShipperLimits } from './segment-shipper.ts'
import { sealFiles } from './seal.ts'
import type { SealedFile } from './seal.ts'
import { createSigner } from './signed-note.ts'
import type { NoteSigner } from './signed-note.ts'
import { terminalLimits } from './terminal-file.ts'
import type { TerminalLimits } from './terminal-file.ts'
import { Terminals } from './terminals.ts'

export interface RunLogLimits extends TerminalLimits {
  /** Characters of JSON of one event; what is longer is cut, and says so. */
  readonly maxEventChars: number
  /** Bytes of appended lines that may wait; more and `append` returns false. */
  readonly maxQueuedBytes: number
  /** How long an appended line may wait. */
  readonly flushMs: number
  readonly checkpointMs: number
  /** How far apart checkpoints are that only the number of lines asks for. */
  readonly checkpointGapMs: number
  readonly checkpointLines: number
  readonly reserveBytes: number
}

const runLogLimits: RunLogLimits = {
  ...terminalLimits,
  maxEventChars: 1024 * 1024,
  maxQueuedBytes: 256 * 1024,
  flushMs: 50,
  checkpointMs: 5000,
  checkpointGapMs: 250,
  checkpointLines: 1000,
  reserveBytes: 256 * 1024,
}

/** Events after which a checkpoint is due at once: the key stands in the first, people are asked, a session is over. */
const signedAtOnce: ReadonlySet<EventKind> = new Set<EventKind>(['run.open', 'ask', 'session.close'])

export interface RunLogOptions {
  /** Gets the files of the recording; made when missing, must not hold a recording already. */
  readonly dir: string
  /** Names the log and its key, e.g. `github.com/acme/shop/run/7712.1/4f9c…`: no white space, no `+`. */
  readonly origin: string
  readonly clock: Clock
  /** A key that outlives the run, and signs others too; left out: one is made, and dies with the log. */
  readonly signer?: NoteSigner
  /** The auditors; none = everybody who has the files can read them. */
  readonly encryptTo?: readonly AgeKey[]
  /** Those that can get the log piece by piece while the run goes on. */
  readonly sinks?: readonly Sink[]
  readonly shipping?: Partial<ShipperLimits>
  readonly limits?: Partial<RunLogLimits>
  readonly disk?: Disk
}

export interface SealOptions {
  /** Why the run ended, in a few words. */
  readonly reason: string
}

export interface Sealed {
  readonly dir: string
  /** Names below `dir` with their digests, the statement last. */
  readonly files: readonly SealedFile[]
  readonly lines: number
  /** RFC 6962 root, base64. */
  readonly root: string
  readonly key: string
  readonly counts: RunCounts
}

/**
 * Opens the log of a run, with a signing key of its own that never leaves this process.
 * @throws {SallyportError} RECORDING_FAILED when the folder cannot be written or holds a recording already.
 */
export function openRunLog(options: RunLogOptions): RunLog {
  return new RunLog(options)
}

export class RunLog implements Recorder {
  /** The verifier key that this log's checkpoints and statement are signed with. */
  readonly key: string
  readonly dir: string
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #limits: RunLogLimits
  readonly #signer: NoteSigner
  readonly #origin: string
  readonly #file: LogFile
  readonly #reserve: Reserve
  readonly #checkpoints: CheckpointFiles
  readonly #openedMs: number
  readonly #seal: LineSeal | null
  readonly #pending: PendingLines
  readonly #tree = new MerkleTree()
  readonly #story = new RunStory()
  readonly #shipper: SegmentShipper
  readonly #terminals: Terminals
  readonly #ended = new AbortController()
  #opening: RunOpen | null = null
  #commands = 0
  #spelledAt = Number.NaN
  #spelled = ''
  #isFlagged = false
  #signedMs = Number.NEGATIVE_INFINITY
  #isFlushDue = false
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = []
  #failure: SallyportError | null = null
  #sealing: Promise<Sealed> | null = null

  constructor(options: RunLogOptions) {
    this.dir = options.dir
    this.#disk = options.disk ?? fs
    this.#clock = options.clock
    this.#limits = { ...runLogLimits, ...options.limits }
    this.#signer = options.signer ?? createSigner(options.origin)
    this.#origin = options.signer === undefined ? options.origin : `${options.signer.name}/${options.origin}`
    this.key = this.#signer.text
    const { encryptTo = [] } = options
    this.#seal = encryptTo.length === 0 ? null : new LineSeal(encryptTo)
    this.#pending = new PendingLines(this.#seal)
    this.#openedMs = this.#clock.monotonicMs()
    try {
      this.#disk.mkdirSync(options.dir, { recursive: true, mode: 0o700 })
      this.#file = new LogFile(this.#disk, path.join(options.dir, EVENTS_FILE))
      // Before the first event: a line whose key is nowhere is a line that was lost.
      const keys = this.#seal === null ? null : this.#writeKeys(this.#seal)
      this.#shipper = new SegmentShipper({
        file: path.join(options.dir, EVENTS_FILE),
        sinks: options.sinks ?? [],
        clock: this.#clock,
        keys,
        sign: () => this.#signForShipping(),
        ...(options.shipping === undefined ? {} : { limits: options.shipping }),
      })
      this.#reserve = new Reserve(this.#disk, options.dir, this.#limits.reserveBytes)
      this.#checkpoints = new CheckpointFiles(this.#disk, options.dir, this.#signer, this.#origin)
      this.#terminals = this.#openTerminals()
    } catch (cause) {
      throw new SallyportError('RECORDING_FAILED', `cannot start a recording in ${options.dir}`, { why: whyOf(cause), cause })
    }
    void this.#signInTime()
  }

  get hasFailed(): boolean {
    return this.#failure !== null
  }

  /** Lines on disk. */
  get lines(): number {
    return this.#tree.size
  }

  get counts(): RunCounts {
    return this.#story.counts
  }

  /** True when only the auditors can read it. */
  get isEncrypted(): boolean {
    return this.#seal !== null
  }

  /** The run so far, for its summary. */
  get story(): RunStory {
    return this.#story
  }

  nextCommand(): number {
    this.#commands += 1
    return this.#commands
  }

  commit(session: string | null, events: readonly EventBody[], durability: 'written' | 'synced'): void {
    this.#refuse()
    // Only commands: what came of those that ran before must still be written down.
    const behind = events.some(({ kind }) => kind === 'command') ? this.#shipper.behind : null
    if (behind !== null) throw behind
    try {
      for (const event of events) this.#put(session, event)
      this.#flush()
      if (durability === 'synced') this.#file.sync()
      if (this.#isFlagged || this.#isCheckpointDue()) this.#checkpoint()
    } catch (cause) {
      throw this.#fail(cause)
    }
  }

  append(session: string | null, event: EventBody): boolean {
    this.#guard(() => this.#put(session, event))
    return this.#queued()
  }

  openTerminal(session: string, command: number, size: TerminalSize, title: string): TerminalRecording {
    return this.#terminals.open(session, command, size, title)
  }

  #openTerminals(): Terminals {
    return new Terminals({
      disk: this.#disk,
      dir: this.dir,
      recipients: this.#seal?.recipients ?? null,
      clock: this.#clock,
      limits: this.#limits,
      host: {
        guard: work => this.#guard(work),
        hasFailed: () => this.hasFailed,
        queued: () => this.#queued(),
        commit: (session, event) => this.commit(session, [event], 'written'),
      },
    })
  }

  /** Does something that needs the disk, and fails with it. */
  #guard<T>(work: () => T): T {
    this.#refuse()
    try {
      return work()
    } catch (cause) {
      throw this.#fail(cause)
    }
  }

  get #queuedBytes(): number {
    return this.#pending.length + this.#terminals.pendingBytes
  }

  /** Sees to it that what waits is written in time; false = there is no room for more. */
  #queued(): boolean {
    // A caller that does not heed `false` is slowed down by the disk itself.
    if (this.#queuedBytes > 4 * this.#limits.maxQueuedBytes) this.#guard(() => this.#flush())
    const isFull = this.#queuedBytes > this.#limits.maxQueuedBytes
    if (!this.#isFlushDue) void this.#flushInTime(isFull ? 0 : this.#limits.flushMs)
    else if (isFull) setImmediate(() => this.#flushNow())
    return !isFull
  }

  drained(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    if (this.#queuedBytes <= this.#limits.maxQueuedBytes) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /**
   * Resolves once a sink has everything that was written so far; at once for a sink that takes finished recordings only.
   * @param isPatient false = one failure is enough. @throws {SallyportError} what the sink said last, then or when the signal ends the wait.
   */
  shipped(sink: Sink, signal: AbortSignal, isPatient = true): Promise<void> {
    return this.#shipper.drained(sink, signal, isPatient)
  }

  /** No more is shipped piece by piece. */
  stopShipping(): void {
    this.#shipper.close()
  }

  /**
   * Ends the log: `run.close`, last checkpoint, statement, all of it synced. Calling it again gives the same answer.
   * @throws {SallyportError} RECORDING_FAILED when the log failed before, or fails now; then there is no `run.close`.
   */
  seal(options: SealOptions): Promise<Sealed> {
    this.#sealing ??= this.#close(options)
    return this.#sealing
  }

  async #close({ reason }: SealOptions): Promise<Sealed> {
    // Before the log takes no more events: each says in it how it ended.
    this.#terminals.close()
    this.#ended.abort()
    this.#refuseFailed()
    try {
      const { counts } = this
      this.#put(null, { kind: 'run.close', reason, counts })
      this.#flush()
      failpoint('run.close-written')
      this.#file.sync()
      this.#checkpoints.sign(this.#tree, true)
      this.#reserve.release()
      const root = this.#tree.root().toString('base64')
      const { origin, key, lines } = { origin: this.#origin, key: this.key, lines: this.#tree.size }
      const { policy, identity, run } = this.#opening ?? { policy: null, identity: null, run: null }
      const closed = { at: this.#clock.now().toISOString(), reason }
      await this.#writePage({ counts, ...closed })
      const files = await sealFiles(
        this.#disk,
        this.dir,
        { origin, key, lines, root, closed, counts, policy, identity, run },
        this.#signer,
        new Map([[EVENTS_FILE, this.#file.sha256], ...this.#terminals.digests]),
      )
      this.#file.close()
      this.#checkpoints.close()
      return { dir: this.dir, files, lines, root, key, counts }
    } catch (cause) {
      throw this.#fail(cause)
    }
  }

  async #writePage(ending: RunEnding): Promise<void> {
    const source = sourceIn(this.dir, recordingFiles(this.#disk, this.dir))
    const page = await renderPage(source, this.#signer, ending, {
      line: this.#seal?.opener ?? null,
      cast: (name, stored) => this.#terminals.reopen(name, stored),
    })
    if (this.#seal === null) replaceFile(this.#disk, path.join(this.dir, REPLAY_FILE), page, true)
    else replaceFile(this.#disk, path.join(this.dir, REPLAY_FILE + AGE_SUFFIX), encryptAge(page, this.#seal.recipients), true)
  }

  #writeKeys(seal: LineSeal): Buffer {
    const keys = seal.keyFile(this.#origin)
    replaceFile(this.#disk, path.join(this.dir, KEYS_FILE), keys, true)
    syncFolder(this.#disk, this.dir)
    return keys
  }

  #put(session: string | null, event: EventBody): void {
    if (event.kind === 'run.open') this.#opening ??= event
    if (signedAtOnce.has(event.kind)) this.#isFlagged = true
    const ms = Math.round((this.#clock.monotonicMs() - this.#openedMs) * 1000) / 1000
    const stamp = { at: this.#wallTime(), ms, session }
    this.#story.add({ ...event, ...stamp, seq: 0 })
    this.#pending.add(stamp, boundedJson(event, this.#limits.maxEventChars))
  }

  /** Spelled anew only when the millisecond changed: several events fall into one. */
  #wallTime(): string {
    const now = this.#clock.now()
    if (now.getTime() !== this.#spelledAt) {
      this.#spelledAt = now.getTime()
      this.#spelled = now.toISOString()
    }
    return this.#spelled
  }

  /** One write for all pending lines; only then do they belong to the tree. */
  #flush(): void {
    this.#terminals.flush()
    if (this.#pending.count > 0) {
      this.#file.append(this.#pending.bytes, 1, this.#pending.length)
      for (const leaf of this.#pending.take()) this.#tree.append(leaf)
      this.#shipper.wrote(this.#tree.size, this.#file.size)
    }
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  #isCheckpointDue(): boolean {
    if (this.#tree.size - this.#checkpoints.size < this.#limits.checkpointLines) return false
    return this.#clock.monotonicMs() - this.#signedMs >= this.#limits.checkpointGapMs
  }

  /** The note over what is on disk now; null when it cannot be signed any more. */
  #signForShipping(): string | null {
    if (this.#failure !== null) return this.#checkpoints.note
    this.#checkpoints.sign(this.#tree, false)
    return this.#checkpoints.note
  }

  #checkpoint(): void {
    this.#isFlagged = false
    this.#signedMs = this.#clock.monotonicMs()
    this.#checkpoints.sign(this.#tree, false)
  }

  #flushNow(): void {
    if (this.#failure !== null || this.#ended.signal.aborted) return
    try {
      this.#flush()
    } catch (cause) {
      this.#fail(cause)
    }
  }

  async #flushInTime(waitMs: number): Promise<void> {
    this.#isFlushDue = true
    try {
      if (waitMs === 0) await new Promise(setImmediate)
      else await this.#clock.sleep(waitMs, this.#ended.signal)
    } catch {
      // Sealing or failing ends the wait; both have dealt with what is pending.
    }
    this.#isFlushDue = false
    this.#flushNow()
  }

  async #signInTime(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#clock.sleep(this.#limits.checkpointMs, this.#ended.signal)
      } catch {
        return
      }
      if (this.#failure !== null || this.#ended.signal.aborted) return
      try {
        this.#flush()
        if (this.#tree.size > this.#checkpoints.size) this.#checkpoint()
      } catch (cause) {
        this.#fail(cause)
      }
    }
  }

  #refuse(): void {
    this.#refuseFailed()
    if (this.#sealing !== null) throw new SallyportError('RECORDING_FAILED', 'the recording is sealed')
  }

  #refuseFailed(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** Remembers the first failure, and uses the reserve to say in the log itself why it ends. */
  #fail(cause: unknown): SallyportError {
    if (this.#failure !== null) return this.#failure
    const failure = new SallyportError('RECORDING_FAILED', 'the recording cannot be written', { why: whyOf(cause), cause })
    this.#failure = failure
    this.#ended.abort()
    this.#pending.drop()
    for (const { reject } of this.#waiting.splice(0)) reject(failure)
    try {
      this.#reserve.release()
      // A line behind what was stated would make a whole recording look changed.
      if (recordingFiles(this.#disk, this.dir).includes(STATEMENT_FILE)) return failure
      this.#terminals.abandon()
      this.#file.cutBack()
      this.#put(null, { kind: 'error', command: null, code: failure.code, message: `${failure.message}: ${whyOf(cause)}` })
      this.#flush()
      this.#checkpoints.sign(this.#tree, true)
    } catch {
      // Not even the reserve helped. What is on disk stays verifiable up to its last checkpoint.
      this.#cutLastWords()
    }
    return failure
  }

  /** Half of the last words is worse than none: the log ends with a whole line. */
  #cutLastWords(): void {
    try {
      this.#file.cutBack()
    } catch {
      // Then its last line is torn, which readers say.
    }
  }
}

/** The system's short name for what went wrong: its message may hold paths, its code does not. */
function whyOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown reason'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}
