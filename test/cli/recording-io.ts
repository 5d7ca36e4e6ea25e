// What a command of the cli said, for tests.
import type { Io } from '../../cli/io.ts'

export function listening(): { io: Io; stdout: () => string; stderr: () => string } {
  let out = ''
  let err = ''
  const io: Io = { stdout: text => (out += text), stderr: text => (err += text), isTty: false, environment: {} }
  return { io, stdout: () => out, stderr: () => err }
}
