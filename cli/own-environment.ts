// What other processes can read of this one: /proc/PID/environ keeps every variable of the start, whatever was unset since.
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'

/** Places in /proc/self/stat, counted from the one after the name of the program. */
const ENV_START = 47
const ENV_END = 48
const MAX_BYTES = 8 * 1024 * 1024

/**
 * Takes the values of these variables out of this process and of what /proc shows of it. A guard against a look, not against a debugger:
 * a process of the same user may read memory where the system lets it.
 * Limit: only Linux shows it as a file, and only there it is taken out; elsewhere, and where /proc is not to be had, they are unset only.
 */
export function eraseVariables(names: readonly string[]): void {
  for (const name of names) Reflect.deleteProperty(process.env, name)
  if (process.platform !== 'linux' || names.length === 0) return
  try {
    eraseFromStart(new Set(names))
  } catch {
    // No /proc here: then nobody reads it there either.
  }
}

function eraseFromStart(names: ReadonlySet<string>): void {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  // The name of the program stands in brackets, and may hold blanks and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const start = Number(fields[ENV_START])
  const length = Number(fields[ENV_END]) - start
  if (!Number.isSafeInteger(start) || start <= 0 || !(length > 0 && length <= MAX_BYTES)) return
  const memory = openSync('/proc/self/mem', 'r+')
  try {
    const block = Buffer.alloc(length)
    if (readSync(memory, block, 0, length, start) !== length) return
    for (let at = 0; at < length;) {
      const found = block.indexOf(0, at)
      const end = found === -1 ? length : found
      const equals = block.indexOf('=', at)
      if (equals !== -1 && equals < end && names.has(block.toString('utf8', at, equals))) {
        writeSync(memory, Buffer.alloc(end - equals - 1), 0, end - equals - 1, start + equals + 1)
      }
      at = end + 1
    }
    block.fill(0)
  } finally {
    closeSync(memory)
  }
}
