// Holds the terminals of a recording against its log: each file is the one whose digest the log names, and the log speaks of each.
import { isRecordingFile, SESSIONS_FOLDER } from './layout.ts'
import type { RecordingSource } from './recording-source.ts'
import { textOf } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'
import type { Findings } from './verify-report.ts'

interface Stated {
  readonly line: number
  /** null = the log says that it began, not how it ended. */
  readonly sha256: string | null
}

/** Far above what a run opens, so that a forged log cannot fill the memory with names. */
const MAX_TERMINALS = 100_000
const MAX_NAME_CHARS = 500

export class TerminalCheck {
  readonly #stated = new Map<string, Stated>()
  /** The first line that names a terminal no log could name. */
  #impossible: number | null = null

  /** Every event of the log, in order. */
  add(line: number, event: StoredEvent): void {
    if (event.kind !== 'file') return
    const operation = textOf(event['operation'])
    if (operation !== 'terminal-open' && operation !== 'terminal') return
    const name = textOf(event['path'])
    const isNew = !this.#stated.has(name)
    if (isNew && (this.#stated.size >= MAX_TERMINALS || name.length > MAX_NAME_CHARS || !isRecordingFile(name))) this.#impossible ??= line
    else
      this.#stated.set(name, {
        line,
        sha256:
          operation === 'terminal'
            ? textOf(event['digest'])
                .replace(/^sha256:/, '')
                .slice(0, 64)
            : null,
      })
  }

  /**
   * @param isClosed the run has a signed end: then every terminal has one too.
   * @param digestOf SHA-256 of a file, hex; '' when it cannot be read, which was said then.
   */
  async judge(findings: Findings, source: RecordingSource, isClosed: boolean, digestOf: (name: string) => Promise<string>): Promise<void> {
    const there = source.names.filter(name => name.startsWith(`${SESSIONS_FOLDER}/`))
    let fitting = 0
    if (this.#impossible !== null) findings.tampered('it names a terminal that no recording can have', this.#impossible)
    for (const [name, { line, sha256 }] of this.#stated) {
      if (!there.includes(name)) this.#missing(findings, source, isClosed && sha256 !== null, name)
      else if (sha256 === null) findings.unchecked.push(`${name}: the run ended before this terminal did, so the log has no digest of it`)
      else if ((await digestOf(name)) === sha256) fitting += 1
      else findings.tampered(`${name} is not the terminal that the log speaks of`, line)
    }
    for (const name of there) {
      if (this.#stated.has(name)) continue
      if (isClosed) findings.tampered(`${name}: no event of the log speaks of this terminal`)
      else findings.unchecked.push(`${name}: no event of the log speaks of this terminal`)
    }
    if (fitting > 0) findings.checked.push(`${fitting} ${fitting === 1 ? 'terminal' : 'terminals'}: the log has their digests`)
  }

  #missing(findings: Findings, source: RecordingSource, isLost: boolean, name: string): void {
    if (source.form === 'page') findings.unchecked.push(`${name}: it is not inside the page`)
    else if (isLost) findings.tampered(`${name} is missing`)
    else findings.incomplete(`${name} is missing: the run ended before it was shipped`)
  }
}
