// Writers of frontend messages: what the gateway itself says to a target.
import { byte, int16, int32, message, value } from './message-writer.ts'
import { frontend } from './message-type.ts'

export const syncMessage = message(frontend.sync, [])
export const flushMessage = message(frontend.flush, [])
export const terminateMessage = message(frontend.terminate, [])

export function writeQuery(text: string): Buffer {
  return message(frontend.query, [text])
}

export function writeParse(name: string, text: string, typeOids: readonly number[] = []): Buffer {
  return message(frontend.parse, [name, text, int16(typeOids.length), ...typeOids.map(oid => int32(oid | 0))])
}

/** Bind with every value and every result column in text format. */
export function writeBind(portal: string, statement: string, values: readonly (Buffer | null)[] = []): Buffer {
  return message(frontend.bind, [portal, statement, int16(0), int16(values.length), ...values.map(bytes => value(bytes)), int16(0)])
}

export function writeDescribe(kind: 'statement' | 'portal', name: string): Buffer {
  return message(frontend.describe, [byte(kind === 'statement' ? 0x53 : 0x50), name])
}

export function writeExecute(portal: string, maxRows = 0): Buffer {
  return message(frontend.execute, [portal, int32(maxRows)])
}

export function writeClose(kind: 'statement' | 'portal', name: string): Buffer {
  return message(frontend.close, [byte(kind === 'statement' ? 0x53 : 0x50), name])
}

export function writeCopyFail(reason: string): Buffer {
  return message(frontend.copyFail, [reason])
}

/** PasswordMessage, also the answer to md5. */
export function writePassword(password: Buffer): Buffer {
  return message(frontend.password, [password, byte(0)])
}

export function writeSaslInitial(mechanism: string, response: string): Buffer {
  return message(frontend.password, [mechanism, value(Buffer.from(response))])
}

export function writeSaslResponse(response: string): Buffer {
  return message(frontend.password, [Buffer.from(response)])
}
