// Objects of the API in its protobuf form, as controllers and kubectl create send them: who they are, and for Secrets, ConfigMaps and the
// options of a deletion all that they hold. Numbers are those of generated.proto (k8s.io/api core/v1, k8s.io/apimachinery meta/v1, runtime).
// Layout: `k8s` and a zero byte | runtime.Unknown { 1 typeMeta { 1 apiVersion, 2 kind }, 2 raw, 3 contentEncoding, 4 contentType }.
import { bytesOf, mapOf, messagesOf, readFields, textOf, textsOf } from './protobuf.ts'
import type { ProtobufFields } from './protobuf.ts'

const MAGIC = Buffer.from('k8s\0', 'latin1')
const EMPTY = Buffer.alloc(0)

type Fields = Record<string, unknown>

export interface ProtobufObject {
  /** As its JSON form would be, as far as it is read. */
  readonly object: Fields
  /** False when it holds more than was read. */
  readonly isWhole: boolean
}

export function isProtobuf(body: Buffer): boolean {
  return body.subarray(0, MAGIC.length).equals(MAGIC)
}

/** @throws {RangeError} when it is no object of the API, or can be read in more than one way. */
export function readProtobufObject(body: Buffer): ProtobufObject {
  if (!isProtobuf(body)) throw new RangeError('it does not begin as an object of the API')
  const envelope = readFields(body.subarray(MAGIC.length))
  const type = readFields(bytesOf(envelope, 1) ?? EMPTY)
  if (textOf(envelope, 3) !== '' || !['', 'application/vnd.kubernetes.protobuf'].includes(textOf(envelope, 4))) {
    throw new RangeError('an object is packed a second time')
  }
  const [apiVersion, kind] = [textOf(type, 1), textOf(type, 2)]
  const fields = readFields(bytesOf(envelope, 2) ?? EMPTY)
  const head: Fields = { ...texts({ apiVersion, kind }) }
  if (kind === 'DeleteOptions') return { object: { ...head, ...deletionOf(fields) }, isWhole: true }
  const object = { ...head, metadata: metadataOf(readFields(bytesOf(fields, 1) ?? EMPTY)) }
  if (apiVersion === 'v1' && kind === 'Secret') return { object: { ...object, ...secretOf(fields) }, isWhole: knows(fields, 5) }
  if (apiVersion === 'v1' && kind === 'ConfigMap') return { object: { ...object, ...configMapOf(fields) }, isWhole: knows(fields, 4) }
  return { object, isWhole: false }
}

/** Every field has a number up to the last one that is read. */
function knows(fields: ProtobufFields, last: number): boolean {
  return [...fields.keys()].every(number => number <= last)
}

function metadataOf(fields: ProtobufFields): Fields {
  return {
    ...texts({
      name: textOf(fields, 1),
      generateName: textOf(fields, 2),
      namespace: textOf(fields, 3),
      uid: textOf(fields, 5),
      resourceVersion: textOf(fields, 6),
    }),
    ...maps({ labels: mapOf(fields, 11), annotations: mapOf(fields, 12) }, bytes => bytes.toString('utf8')),
    ...lists({ finalizers: textsOf(fields, 14), ownerReferences: messagesOf(fields, 13).map(ownerOf) }),
  }
}

function ownerOf(bytes: Buffer): Fields {
  const fields = readFields(bytes)
  return texts({ apiVersion: textOf(fields, 5), kind: textOf(fields, 1), name: textOf(fields, 3), uid: textOf(fields, 4) })
}

function secretOf(fields: ProtobufFields): Fields {
  return {
    ...texts({ type: textOf(fields, 3) }),
    ...maps({ data: mapOf(fields, 2) }, bytes => bytes.toString('base64')),
    ...maps({ stringData: mapOf(fields, 4) }, bytes => bytes.toString('utf8')),
    ...flag('immutable', fields, 5),
  }
}

function configMapOf(fields: ProtobufFields): Fields {
  return {
    ...maps({ data: mapOf(fields, 2) }, bytes => bytes.toString('utf8')),
    ...maps({ binaryData: mapOf(fields, 3) }, bytes => bytes.toString('base64')),
    ...flag('immutable', fields, 4),
  }
}

function deletionOf(fields: ProtobufFields): Fields {
  const [seconds] = fields.get(1) ?? []
  return {
    ...(typeof seconds === 'bigint' ? { gracePeriodSeconds: Number(BigInt.asIntN(64, seconds)) } : {}),
    ...texts({ propagationPolicy: textOf(fields, 4) }),
    ...lists({ dryRun: textsOf(fields, 5) }),
  }
}

function texts(all: Readonly<Record<string, string>>): Fields {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
}

function maps(all: Readonly<Record<string, ReadonlyMap<string, Buffer>>>, read: (bytes: Buffer) => string): Fields {
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, map]) =>
      map.size === 0 ? [] : [[name, Object.fromEntries([...map].map(([key, value]) => [key, read(value)]))]],
    ),
  )
}

function lists(all: Readonly<Record<string, readonly unknown[]>>): Fields {
  return Object.fromEntries(Object.entries(all).filter(([, list]) => list.length > 0))
}

function flag(name: string, fields: ProtobufFields, number: number): Fields {
  const [value] = fields.get(number) ?? []
  return typeof value === 'bigint' ? { [name]: value !== 0n } : {}
}
