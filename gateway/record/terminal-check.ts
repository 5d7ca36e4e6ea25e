// Holds the terminals of a recording against its log: each file is the one whose digest the log names, and the log speaks of each.
import { SESSIONS_FOLDER } from './layout.ts'
import type { RecordingSource } from './recording-source.ts'
import { textOf } from './stored-event.ts'
import type { StoredEvent } from './stored-event.ts'
import type { Findings } from './verify-report.ts'

interface Stated {
  readonly line: number
  /** null = the log says that it began, not how it ended. */
  readonly sha256: string | null
}

export class TerminalCheck {
  readonly #stated = new Map<string, Stated>()

  /** Every event of the log, in order. */
  add(line: number, event: StoredEvent): void {
    if (event.kind !== 'file') return
    const operation = textOf(event['operation'])
    if (operation === 'terminal-open') this.#stated.set(textOf(event['path']), { line, sha256: null })
    if (operation === 'terminal') this.#stated.set(textOf(event['path']), { line, sha256: textOf(event['digest']).replace(/^sha256:/, '') })
  }

  /**
   * @param isClosed the run has a signed end: then every terminal has one too.
   * @param digestOf SHA-256 of a file, hex; '' when it cannot be read, which was said then.
   */
  async judge(findings: Findings, source: RecordingSource, isClosed: boolean, digestOf: (name: string) => Promise<string>): Promise<void> {
    const there = source.names.filter(name => name.startsWith(`${SESSIONS_FOLDER}/`))
    let fitting = 0
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
