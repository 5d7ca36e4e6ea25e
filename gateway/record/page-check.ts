// Holds what a replay page shows against its signature, or, where nobody signed it, against the recording inside it.
import type { LineOpener } from './line-seal.ts'
import { renderPage } from './page.ts'
import { isPageNote, pageNoteText, withoutParts } from './page-parts.ts'
import type { RecordingSource } from './recording-source.ts'
import { openNote } from './signed-note.ts'
import type { NoteVerifier } from './signed-note.ts'
import type { Findings } from './verify-report.ts'

/** @param open opens sealed lines; null = they stay sealed, and a page that shows them cannot be compared. */
export async function judgePage(
  findings: Findings,
  source: RecordingSource,
  verifier: NoteVerifier | null,
  open: LineOpener | null,
): Promise<void> {
  const { page } = source
  if (page === null) return
  if (page.note === null && page.isSigned) findings.tampered('the signature of the page is missing')
  else if (page.note === null) await judgeUnsigned(findings, source, page.text, open)
  else if (verifier === null || !isPageNote(page.note) || openNote(page.note, verifier) !== pageNoteText(page.sha256))
    findings.tampered('the page is not as it was signed')
  else findings.checked.push('the signature of the page as a whole')
}

/** A page that was made from a recording later is right when the same is made of what is inside it now. */
async function judgeUnsigned(findings: Findings, source: RecordingSource, text: () => string, open: LineOpener | null): Promise<void> {
  // Otherwise there is nothing in it that could be trusted, and that was said.
  if (findings.verdict === 'tampered') return
  const again = await renderPage(source, null, null, { line: open, cast: (_, stored) => stored })
  if (withoutParts(again.toString('utf8')) === withoutParts(text()))
    findings.checked.push('what the page shows: nobody signed it, and it is what the recording inside it says')
  else
    findings.incomplete(
      'nobody signed what the page shows, and this version shows the recording inside it otherwise: make the page anew (sallyport replay --format html)',
    )
}
