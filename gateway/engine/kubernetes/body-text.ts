// The body of a write as a document that people can read, whatever of the API's formats it came in.
import { parse } from 'yaml'
import { readProtobufObject } from '../../wire/kubernetes/protobuf-object.ts'

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
      JSON.parse(body.toString('utf8'))
      return { json: body, isWhole: true }
    case 'yaml':
      return { json: yamlJson(body.toString('utf8'), body), isWhole: true }
    case 'protobuf': {
      const { object, isWhole } = readProtobufObject(body)
      return { json: Buffer.from(JSON.stringify(object)), isWhole }
    }
    case 'none':
    case 'other':
      return null
  }
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
  const value: unknown = parse(text, { maxAliasCount: 100 })
  return Buffer.from(JSON.stringify(value) ?? 'null')
}
