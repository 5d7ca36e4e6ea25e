// What the demo prints: steps with what was expected and what came, in plain lines that a log can keep.

const started = performance.now()
const paints = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
let failures = 0

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function step(title: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  say(`\n${bold(`▸ ${title}`)}  ${dim(`${seconds} s`)}`)
}

/** Text of somebody else, quoted line by line so that nothing in it is taken for the demo's own words. */
export function quote(text: string, most = 14): void {
  const lines = text.trimEnd().split('\n')
  for (const line of lines.slice(0, most)) say(`  ${dim('│')} ${line}`)
  if (lines.length > most) say(`  ${dim('│')} ${dim(`… ${lines.length - most} more lines`)}`)
}

/** One thing that must be so. The demo goes on and ends with status 1 when it is not. */
export function must(isSo: boolean, what: string): void {
  if (!isSo) failures += 1
  say(`  ${isSo ? green('✓') : red('✗')} ${what}`)
}

export function failed(): number {
  return failures
}

function paint(code: number, text: string): string {
  return paints ? `\u001B[${code}m${text}\u001B[0m` : text
}
const bold = (text: string): string => paint(1, text)
const dim = (text: string): string => paint(2, text)
const green = (text: string): string => paint(32, text)
const red = (text: string): string => paint(31, text)
