// Verifies a recording with nothing but its files: key, signatures, tree, links, statement, completeness. Streams; keeps no line.
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { SallyportError } from '../core/errors.ts'
import { openCheckpoint, splitCheckpoints } from './checkpoint.ts'
import { keyIdOf } from './dsse.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { RunCounts } from '../core/events.ts'
import type { AgeIdentity } from './age/age-keys.ts'
import { CHECKPOINT_FILE, CHECKPOINTS_FILE, EVENTS_FILE, KEYS_FILE, STATEMENT_FILE } from './layout.ts'
import { openKeys } from './line-seal.ts'
import type { LineOpener } from './line-seal.ts'
import { LineSplitter } from './line-splitter.ts'
import { LogCheck } from './log-check.ts'
import { openRecording } from './open-recording.ts'
import { judgePage } from './page-check.ts'
import { isSealed, openLine } from './read-events.ts'
import { isUnreachable } from './recording-source.ts'
import type { RecordingSource } from './recording-source.ts'
import { readVerifier } from './signed-note.ts'
import type { NoteVerifier } from './signed-note.ts'
import { isMembers, listOf, numberOf, readMembers, textOf } from './stored-event.ts'
import type { Members } from './stored-event.ts'
import { isMisleading } from './strays.ts'
import { openStatement, PREDICATE_TYPE, STATEMENT_TYPE } from './statement.ts'
import { Findings } from './verify-report.ts'
import type { VerifyReport } from './verify-report.ts'

/** Notes: read whole. */
const MAX_SMALL_BYTES = 64 * 1024 * 1024
const MAX_STATEMENT_BYTES = 16 * 1024 * 1024
/** Checkpoints that are not right; after them the others are not looked at. */
const MAX_WRONG_NOTES = 100

export interface VerifyOptions {
  /** The verifier key that must have signed it; without one the recording vouches for itself. */
  readonly key?: string
  /** Of an auditor: what is encrypted is checked too. */
  readonly identities?: readonly AgeIdentity[]
  readonly onProgress?: (readBytes: number, totalBytes: number) => void
}

/**
 * @param file a folder, a zip as downloaded, or a replay page.
 * @throws {SallyportError} UNREADABLE when there is no recording to be read, USAGE when the key is not a verifier key.
 */
export async function verifyRecording(file: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const pinned = readKey(options)
  const source = await openRecording(file)
  try {
    return await new Verification(file, source, pinned, options).report()
  } finally {
    await source.close()
  }
}

/** The same for a recording that is open already. @param label names it in the report. */
export function verifySource(label: string, source: RecordingSource, options: VerifyOptions = {}): Promise<VerifyReport> {
  return new Verification(label, source, readKey(options), options).report()
}

function readKey({ key }: VerifyOptions): NoteVerifier | null {
  const pinned = key === undefined ? null : readVerifier(key)
  if (key !== undefined && pinned === null)
    throw new SallyportError('USAGE', 'the key is not a verifier key', { fix: 'give it as it was printed: name+hash+base64' })
  return pinned
}

class Verification {
  readonly #file: string
  readonly #source: RecordingSource
  readonly #pinned: NoteVerifier | null
  readonly #options: VerifyOptions
  readonly #findings = new Findings()
  readonly #digests = new Map<string, string>()
  #signedCounts: Members | null = null
  /** Of what lies beside the recording, that which nobody could take for a part of it. */
  #strays: readonly string[] = []

  constructor(file: string, source: RecordingSource, pinned: NoteVerifier | null, options: VerifyOptions) {
    this.#file = file
    this.#source = source
    this.#pinned = pinned
    this.#options = options
  }

  async report(): Promise<VerifyReport> {
    const findings = this.#findings
    const newest = await this.#small(CHECKPOINT_FILE)
    const statement = await this.#small(STATEMENT_FILE, MAX_STATEMENT_BYTES)
    const open = await this.#opener()
    const first = await this.#firstLine(open)
    const openingKey = textOf(first?.['key']) || null
    const verifier = this.#chooseKey(openingKey, newest, statement, first)
    const checkpoints = verifier === null ? [] : await this.#openCheckpoints(newest, verifier, statement !== null)
    const log = new LogCheck(checkpoints, open)
    const tornBytes = await this.#readLog(log)
    this.#judgeLines(log, checkpoints.at(-1) ?? null, tornBytes, statement !== null)
    if (verifier !== null && openingKey !== null && openingKey !== verifier.text)
      findings.tampered('run.open names another key than the one that signed', 1)
    if (verifier !== null) await this.#judgeStatement(statement, verifier, log)
    if (log.sealedLines === 0) await log.terminals.judge(findings, this.#source, log.closing !== null, name => this.#digest(name))
    await judgePage(findings, this.#source, verifier, open)
    this.#judgeStrays(statement !== null)
    this.#sayLimits(verifier, log)
    const { checked, wrong, unchecked, verdict, line, words } = findings
    return {
      schema: 'sallyport/verify/v1',
      path: this.#file,
      form: this.#source.form,
      verdict,
      line,
      words,
      checked: checked.told,
      wrong: wrong.told,
      unchecked: unchecked.told,
      key: verifier?.text ?? null,
      isKeyPinned: this.#pinned !== null,
      origin: checkpoints.at(-1)?.origin ?? verifier?.name ?? null,
      lines: log.lines,
      root: log.root.toString('base64'),
      counts: log.sealedLines > 0 && this.#signedCounts !== null ? countsOf(this.#signedCounts) : log.counts,
    }
  }

  /** The pinned key, else the one of `run.open`, else the one that the statement names: the first that opens the checkpoint. */
  #chooseKey(openingKey: string | null, newest: string | null, statement: string | null, first: Members | null): NoteVerifier | null {
    if (this.#pinned !== null) return this.#pinned
    const keys = [openingKey, keyIdOf(statement ?? '')].flatMap(text => readVerifier(text ?? '') ?? [])
    const fitting = keys.find(key => newest !== null && openCheckpoint(newest, key) !== null) ?? keys[0]
    if (fitting !== undefined) return fitting
    const isOpened = first !== null && (isSealed(first) || first['kind'] === 'run.open')
    if (!isOpened && statement === null && this.#source.page === null)
      this.#findings.incomplete('there is no run.open: the gateway failed before it could write it, or it was taken away')
    else if (first !== null && isSealed(first) && statement === null)
      this.#findings.incomplete(
        'nothing could be checked: the key is named in a sealed line; give it with --key, or open the line with --identity',
      )
    else this.#findings.tampered('no key: neither run.open nor the statement names one', 1)
    return null
  }

  async #openCheckpoints(newest: string | null, verifier: NoteVerifier, isClosed: boolean): Promise<readonly Checkpoint[]> {
    const findings = this.#findings
    const earlier = await this.#small(CHECKPOINTS_FILE)
    const { notes, rest } = splitCheckpoints(earlier ?? '')
    if (rest !== '' && isClosed) findings.tampered(`${CHECKPOINTS_FILE} is not a list of signed notes`)
    // Only what was being written when the gateway ended: the newest checkpoint is a file of its own.
    else if (rest !== '') findings.incomplete(`the last note of ${CHECKPOINTS_FILE} is torn`)
    const opened: Checkpoint[] = []
    for (const [index, note] of notes.entries()) {
      if (findings.wrong.length >= MAX_WRONG_NOTES) break
      const checkpoint = openCheckpoint(note, verifier)
      // After a crash the newest may stand in both files.
      if (checkpoint === null) findings.tampered(`checkpoint ${index + 1} of ${CHECKPOINTS_FILE} is not signed by the key`)
      else if (checkpoint.size <= (opened.at(-1)?.size ?? 0))
        findings.tampered(`checkpoint ${index + 1} of ${CHECKPOINTS_FILE} is out of order`)
      else if (checkpoint.origin !== (opened.at(-1) ?? checkpoint).origin)
        findings.tampered(`checkpoint ${index + 1} of ${CHECKPOINTS_FILE} is of another log`)
      else opened.push(checkpoint)
    }
    if (newest === null) {
      findings.incomplete('there is no checkpoint: nothing is signed')
      return opened
    }
    const last = openCheckpoint(newest, verifier)
    if (last === null) {
      findings.tampered(`the checkpoint is not signed by the key ${verifier.text}`)
      return opened
    }
    findings.checked.push(`the signature of the checkpoint: ${last.size} lines, key ${verifier.text}`)
    if (opened.length > 0)
      findings.checked.push(`the signatures of ${opened.length} earlier checkpoints, and that each lies on the same tree`)
    if (last.origin !== (opened.at(-1) ?? last).origin) findings.tampered('the checkpoint is of another log than those before it')
    const before = opened.at(-1)?.size ?? 0
    if (last.size < before) findings.tampered('the checkpoint is older than those before it')
    else if (last.size > before) opened.push(last)
    return opened
  }

  /** Reads the whole log once. Returns the bytes after its last newline. */
  async #readLog(log: LogCheck): Promise<number> {
    if (!this.#source.names.includes(EVENTS_FILE)) {
      this.#findings.tampered(`${EVENTS_FILE} is missing`)
      return 0
    }
    const splitter = new LineSplitter()
    await this.#digest(EVENTS_FILE, chunk => splitter.push(chunk, prefixed => log.line(prefixed)))
    return splitter.tornBytes
  }

  #judgeLines(log: LogCheck, signed: Checkpoint | null, tornBytes: number, hasStatement: boolean): void {
    const findings = this.#findings
    if (signed !== null && log.lines < signed.size)
      findings.tampered(`${signed.size - log.lines} lines that were signed are missing here`, log.lines + 1)
    if (log.suspicion !== null) findings.tampered(log.suspicion.what, log.suspicion.line)
    if (tornBytes > 0 && hasStatement) findings.tampered('something was added after the end', log.lines + 1)
    else if (tornBytes > 0) findings.incomplete(`the last line is torn: ${tornBytes} bytes of it are there`)
    if (log.suspicion === null && log.lines > 0) {
      findings.checked.push(
        `the order of ${log.lines} lines: every number is there${log.sealedLines > 0 ? '' : ', every line follows the one before it'}`,
      )
      if (log.proven > 0) findings.checked.push(`the tree over lines 1 to ${log.proven}`)
    }
    if (log.lines > log.proven && log.suspicion === null)
      findings.unchecked.push(`lines ${log.proven + 1} to ${log.lines}: they came after the last checkpoint, nobody signed them`)
    this.#judgeClosing(log, hasStatement)
  }

  #judgeClosing(log: LogCheck, hasStatement: boolean): void {
    const findings = this.#findings
    const { closing } = log
    if (log.sealedLines > 0) {
      // The statement closes a run whose lines only auditors can read.
      if (hasStatement) return
      if (this.#source.page?.note == null)
        findings.incomplete(`${STATEMENT_FILE} is missing: the run was not closed, or its end was cut off`)
      else findings.unchecked.push('that the run was closed: it stands in a sealed line')
      return
    }
    if (closing === null) {
      findings.incomplete('there is no run.close: the run was not closed, or its end was cut off')
      return
    }
    if (log.proven < log.lines) findings.incomplete('run.close is not signed')
    if (!isDeepStrictEqual(closing['counts'], log.counts))
      findings.tampered('the counts of run.close are not those of the lines', log.lines)
    else findings.checked.push(`run.close: ${JSON.stringify(closing['reason'])}, its counts are those of the lines`)
    if (hasStatement) return
    // A page is named by the statement, so it cannot hold it.
    if (this.#source.form === 'page') findings.unchecked.push('the statement: it lies beside the page')
    else findings.incomplete(`${STATEMENT_FILE} is missing`)
  }

  async #judgeStatement(text: string | null, verifier: NoteVerifier, log: LogCheck): Promise<void> {
    const findings = this.#findings
    if (text === null) return
    const statement = openStatement(text, verifier)
    if (statement === null) {
      findings.tampered('the statement is not signed by the key')
      return
    }
    const { subject, predicate } = statement
    if (statement['_type'] !== STATEMENT_TYPE || statement['predicateType'] !== PREDICATE_TYPE || !isMembers(predicate)) {
      findings.tampered('the statement is of another type')
      return
    }
    const named = await this.#judgeSubjects(listOf(subject).filter(isMembers))
    const said = { lines: predicate['lines'], root: predicate['root'], key: predicate['key'] }
    if (!isDeepStrictEqual(said, { lines: log.lines, root: log.root.toString('base64'), key: verifier.text }))
      findings.tampered('the statement speaks of other lines')
    if (isMembers(predicate['counts'])) this.#signedCounts = predicate['counts']
    if (log.sealedLines === 0) this.#judgePredicate(predicate, log)
    if (findings.verdict === 'intact')
      findings.checked.push(
        `the statement: digests of ${named} files, counts, policy and identity${log.sealedLines > 0 ? ' as signed' : ''}`,
      )
  }

  #judgePredicate(predicate: Members, log: LogCheck): void {
    const opening: Members = log.opening ?? {}
    for (const name of ['policy', 'identity', 'run'])
      if (!isDeepStrictEqual(predicate[name] ?? null, opening[name] ?? null))
        this.#findings.tampered(`the statement has another ${name} than run.open`)
    if (!isDeepStrictEqual(predicate['counts'], log.counts))
      this.#findings.tampered('the counts of the statement are not those of the lines')
  }

  /** Every file that the statement names has its digest, and every file of the layout is named. */
  async #judgeSubjects(subjects: readonly Members[]): Promise<number> {
    const stated = new Map(subjects.map(({ name, digest }) => [textOf(name), isMembers(digest) ? textOf(digest['sha256']) : '']))
    for (const [name, sha256] of stated) {
      if (!this.#source.names.includes(name)) this.#findings.tampered(`${name} is missing`)
      else if ((await this.#digest(name)) !== sha256) this.#findings.tampered(`${name} is not the file that was sealed`)
    }
    for (const name of this.#source.names)
      if (name !== STATEMENT_FILE && !stated.has(name)) this.#findings.tampered(`${name} is not named by the statement`)
    return stated.size
  }

  /** A container of another form than a page holds files, and each of them may be meant to be read. */
  #judgeStrays(isSealed: boolean): void {
    const { form, others } = this.#source
    const misleading = form === 'page' ? [] : others.filter(name => isMisleading(name, isSealed))
    for (const name of misleading.slice(0, 5)) this.#findings.tampered(`${JSON.stringify(name)} was never part of the recording`)
    this.#strays = others.filter(name => !misleading.includes(name))
  }

  #sayLimits(verifier: NoteVerifier | null, log: LogCheck): void {
    const { checked, unchecked } = this.#findings
    if (this.#pinned !== null && this.#findings.verdict === 'intact') checked.push('that the key is the one you gave')
    else if (verifier !== null && this.#pinned === null)
      unchecked.push('whose key it is: compare it with the one printed when the run started, or pass it with --key')
    if (log.sealedLines > 0)
      unchecked.push(
        `what ${log.sealedLines} lines say, and that the counts are theirs: they are encrypted to the auditors (--identity opens them)`,
      )
    if (this.#strays.length > 0) unchecked.push(`files that are not part of the recording: ${this.#strays.slice(0, 5).join(', ')}`)
    unchecked.push('that the job did nothing past the gateway')
  }

  /** The first line as far as it can be read, opened where it is sealed; null when it is no JSON. */
  async #firstLine(open: LineOpener | null): Promise<Members | null> {
    if (!this.#source.names.includes(EVENTS_FILE)) return null
    let text = ''
    try {
      for await (const chunk of this.#source.read(EVENTS_FILE)) {
        text += chunk.toString('utf8')
        if (text.includes('\n') || text.length > MAX_STATEMENT_BYTES) break
      }
    } catch {
      // The reading of the whole log says what is damaged.
    }
    const line = readMembers(text.split('\n', 1)[0] ?? '')
    return line !== null && isSealed(line) && open !== null ? openLine(line, open) : line
  }

  /** @throws {SallyportError} UNREADABLE when an identity was given and is not an auditor's of this run. */
  async #opener(): Promise<LineOpener | null> {
    const { identities } = this.#options
    const keys = identities === undefined ? null : await this.#bytes(KEYS_FILE)
    return identities === undefined || keys === null ? null : openKeys(keys, identities)
  }

  /** A file that is read whole; null when it is not there. Bytes that are not UTF-8 are never what was written. */
  async #small(name: string, maxBytes = MAX_SMALL_BYTES): Promise<string | null> {
    const bytes = await this.#bytes(name, maxBytes)
    if (bytes === null) return null
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      return ''
    }
  }

  async #bytes(name: string, maxBytes = MAX_SMALL_BYTES): Promise<Buffer | null> {
    if (!this.#source.names.includes(name)) return null
    const chunks: Buffer[] = []
    let bytes = 0
    await this.#digest(name, chunk => {
      bytes += chunk.length
      if (bytes > maxBytes) throw new SallyportError('UNREADABLE', `${name} has more than ${maxBytes} bytes`)
      chunks.push(chunk)
    })
    return Buffer.concat(chunks)
  }

  /** Reads a file once, whoever asks; returns its SHA-256, hex, or '' when the container is damaged there. */
  async #digest(name: string, onChunk?: (chunk: Buffer) => void): Promise<string> {
    const known = this.#digests.get(name)
    if (known !== undefined) return known
    const digest = createHash('sha256')
    const total = this.#source.sizeOf(name)
    let bytes = 0
    try {
      for await (const chunk of this.#source.read(name)) {
        digest.update(chunk)
        onChunk?.(chunk)
        bytes += chunk.length
        this.#options.onProgress?.(bytes, total)
      }
    } catch (error) {
      if (isUnreachable(error)) throw error
      this.#findings.tampered(
        `${name} cannot be read to its end: ${error instanceof SallyportError ? (error.why ?? error.message) : 'it is damaged'}`,
      )
      this.#digests.set(name, '')
      return ''
    }
    const hex = digest.digest('hex')
    this.#digests.set(name, hex)
    return hex
  }
}

function countsOf(said: Members): RunCounts {
  const of = (name: keyof RunCounts): number => numberOf(said[name])
  return {
    sessions: of('sessions'),
    commands: of('commands'),
    allowed: of('allowed'),
    denied: of('denied'),
    asked: of('asked'),
    approved: of('approved'),
    masked: of('masked'),
    errors: of('errors'),
  }
}
