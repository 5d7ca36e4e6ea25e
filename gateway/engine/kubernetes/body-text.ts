// The body of a write as a document that people can read, whatever of the API's formats it came in.
import { parse } from 'yaml'
import { readProtobufObject } from '../../wire/kubernetes/protobuf-object.ts'
import { twinKey } from './twin-keys.ts'

export type BodyForm = 'none' | 'json' | 'json-patch' | 'yaml' | 'protobuf' | 'other'

export function bodyForm(contentType: string, body: Buffer | null): BodyForm {
  if (body === null) return 'none'
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  if (type === 'application/json-patch+json') return 'json-patch'
  if (type === '' || type === 'application/json' || /^application\/(?:[a-z-]+)\+json$/.test(type)) return 'json'
  if (type === 'application/yaml' || type === 'application/apply-patch+yaml') return 'yaml'
  return type === 'application/vnd.kubernetes.protobuf' ? 'protobuf' : 'other'
}

export interface BodyJson {
  readonly json: Buffer
  /** False when the body holds more than its JSON says. */
  readonly isWhole: boolean
}

/** The body as JSON text; null when it is in a form that is not read here. @throws {Error} when it is not what it says. */
export function bodyJson(form: BodyForm, body: Buffer): BodyJson | null {
  switch (form) {
    case 'json':
    case 'json-patch':
      JSON.parse(textIn(body))
      return { json: body, isWhole: true }
    case 'yaml':
      return { json: yamlJson(textIn(body), body), isWhole: true }
    case 'protobuf': {
      const { object, isWhole } = readProtobufObject(body)
      return { json: Buffer.from(JSON.stringify(object)), isWhole }
    }
    case 'none':
    case 'other':
      return null
  }
}

/** What two readers could take apart in the body, in words; null when there is nothing, or when it is not what its type says. */
export function bodyProblem(form: BodyForm, body: Buffer): string | null {
  // Protobuf has no words to read; what of it cannot be read is shown to nobody.
  if (form === 'protobuf') return null
  try {
    const key = twinKey(bodyJson(form, body)?.json.toString('utf8') ?? '')
    return key === null ? null : `the body names the key ${JSON.stringify(key.slice(0, 100))} twice`
  } catch {
    // The server says itself what is wrong with it.
    return null
  }
}

function textIn(body: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(body)
}

function yamlJson(text: string, body: Buffer): Buffer {
  // kubectl sends JSON, which is YAML.
  if (text.trimStart().startsWith('{')) {
    try {
      JSON.parse(text)
      return body
    } catch {
      // Flow style of YAML.
    }
  }
  // As the server reads it: `yes` is true, `017` is fifteen.
  const value: unknown = parse(text, { version: '1.1', maxAliasCount: 100 })
  return Buffer.from(JSON.stringify(value) ?? 'null')
}
