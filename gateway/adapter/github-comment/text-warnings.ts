// What the eye would miss in a command: invisible characters, reordering, and letters of several alphabets in one word.
import type { Command } from '../../core/command.ts'
import { visible } from '../../core/visible-text.ts'

const MAX_NAMED = 5
/** The alphabets whose letters are taken for one another. */
const SCRIPTS = ['Latin', 'Cyrillic', 'Greek', 'Armenian', 'Cherokee', 'Coptic', 'Lisu', 'Deseret'] as const
const scriptTests = SCRIPTS.map(script => ({ script, test: new RegExp(`\\p{Script=${script}}`, 'u') }))

/** One line of words per kind of surprise; empty for plain text. */
export function warningsOf(command: Command): readonly string[] {
  const values = command.protocol === 'postgres' ? command.values.filter(value => value !== null) : []
  const text = [command.text, ...values].join('\n')
  const warnings: string[] = []
  const marks = visible(text).match(/⟦U\+[0-9A-F]+⟧/g) ?? []
  if (marks.length > 0)
    warnings.push(
      `${marks.length} characters cannot be seen or change the order of the text: ${[...new Set(marks)].slice(0, MAX_NAMED).join(' ')}`,
    )
  for (const word of mixedWords(text).slice(0, MAX_NAMED)) warnings.push(word)
  if (command.certainty !== 'parsed')
    warnings.push('the gateway could not read this command for certain; what it does may differ from how it looks')
  return warnings
}

/** Words with letters of two alphabets, or wholly of look-alikes of Latin beside Latin words, with their code points. */
function mixedWords(text: string): readonly string[] {
  const found: string[] = []
  const plain = text.normalize('NFC')
  const hasLatin = /\p{Script=Latin}/u.test(plain)
  for (const [word] of plain.matchAll(/[\p{L}\p{M}\p{N}_$]+/gu)) {
    const scripts = scriptTests.filter(({ test }) => test.test(word)).map(({ script }) => script)
    const odd = Array.from(word).filter(letter => /\p{L}/u.test(letter) && !/\p{Script=Latin}/u.test(letter) && /\p{L}/u.test(letter))
    const isMixed = scripts.length > 1
    const isLookAlike = hasLatin && scripts.length === 1 && scripts[0] !== 'Latin'
    const folded = word.normalize('NFKC') !== word
    if (!isMixed && !isLookAlike && !folded) continue
    const points = [...new Set(odd.length > 0 ? odd : Array.from(word).filter(letter => letter.normalize('NFKC') !== letter))]
      .slice(0, MAX_NAMED)
      .map(letter => `U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`)
    const line = `a word of mixed scripts (${scripts.join(' and ') || 'compatibility forms'}): ${points.join(' ')} only look like other letters`
    if (!found.includes(line)) found.push(line)
  }
  return found
}
