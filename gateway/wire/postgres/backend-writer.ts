// Writers of backend messages: what the gateway itself says to a client.
import { backend } from './message-type.ts'
import { byte, int16, int32, message, value } from './message-writer.ts'

export interface ErrorFields {
  readonly severity: 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING'
  readonly sqlState: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
}

export const authenticationOk = message(backend.authentication, [int32(0)])

/** AuthenticationSASL: the mechanisms on offer. */
export function writeSasl(mechanisms: readonly string[]): Buffer {
  return message(backend.authentication, [int32(10), ...mechanisms, byte(0)])
}

export function writeSaslContinue(challenge: string): Buffer {
  return message(backend.authentication, [int32(11), Buffer.from(challenge)])
}

export function writeSaslFinal(outcome: string): Buffer {
  return message(backend.authentication, [int32(12), Buffer.from(outcome)])
}

export function writeError(fields: ErrorFields): Buffer {
  return message(backend.errorResponse, fieldsOf(fields))
}

export function writeNotice(fields: ErrorFields): Buffer {
  return message(backend.noticeResponse, fieldsOf(fields))
}

export function writeReady(status: number): Buffer {
  return message(backend.readyForQuery, [byte(status)])
}

export function writeParameterStatus(name: string, text: string): Buffer {
  return message(backend.parameterStatus, [name, text])
}

export function writeBackendKey(pid: number, key: Buffer): Buffer {
  return message(backend.backendKeyData, [int32(pid), key])
}

/** NegotiateProtocolVersion: the newest version spoken here, in full, and the options nobody knows. */
export function writeNegotiate(version: number, unknownOptions: readonly string[]): Buffer {
  return message(backend.negotiateProtocolVersion, [int32(version), int32(unknownOptions.length), ...unknownOptions])
}

export function writeDataRow(cells: readonly (Buffer | null)[]): Buffer {
  return message(backend.dataRow, [int16(cells.length), ...cells.map(cell => value(cell))])
}

export function writeCommandComplete(tag: string): Buffer {
  return message(backend.commandComplete, [tag])
}

// S and V are the same word: this server never translates. A zero byte would end a field early.
function fieldsOf(fields: ErrorFields): (Buffer | string)[] {
  const parts = [
    `S${fields.severity}`,
    `V${fields.severity}`,
    `C${fields.sqlState}`,
    `M${fields.message}`,
    ...(fields.detail === undefined ? [] : [`D${fields.detail}`]),
    ...(fields.hint === undefined ? [] : [`H${fields.hint}`]),
  ]
  return [...parts.map(part => part.replaceAll('\0', '\uFFFD')), byte(0)]
}
