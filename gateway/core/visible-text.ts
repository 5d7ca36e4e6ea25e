// Makes hostile text safe to look at: what cannot be seen is named, and nothing gets out of its fence.
// Pure; used wherever a command is shown to a person.

/** Invisible, reordering or look-alike-blank characters, and lone surrogates. Line feed and tab stay. */
const UNSEEN =
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800\ufffc\ufffd]|(?! )\p{Zs}/gu

/** The text with every character that cannot be seen written as `⟦U+202E⟧`; line feeds and tabs stay. */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, character => `⟦U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟧`)
}

/** The same JSON, spelled so that a terminal has nothing to obey: what cannot be seen as `\u202e`. Line feeds between values stay. */
export function visibleJson(json: string): string {
  return json.replaceAll(UNSEEN, character =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** A fenced code block that the text cannot leave: the fence is longer than any run of back-ticks in it. */
export function fence(text: string, info: string): string {
  let longest = 2
  for (const run of text.match(/`+/g) ?? []) longest = Math.max(longest, run.length)
  const marks = '`'.repeat(longest + 1)
  return `${marks}${info}\n${text}\n${marks}`
}
