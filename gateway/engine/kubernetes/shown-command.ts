// The command with its body, as people may read it: in the request for approval and in the recording.
import type { KubernetesCommand } from '../../core/command.ts'
import type { ObjectMask } from '../../core/masker.ts'
import { bodyForm, bodyJson } from './body-text.ts'
import { overlaps, resourceOf } from './write-check.ts'

/** Recorded of one body; what is longer than this cannot be approved either. */
const MAX_SHOWN = 64 * 1_024

export function shownCommand(command: KubernetesCommand, body: Buffer | null, contentType: string, masks: ObjectMask): KubernetesCommand {
  const argv = command.argv.length === 0 ? '' : `\n$ ${command.argv.map(quoted).join(' ')}`
  const shown = body === null ? '' : `\n${shownBody(command, body, contentType, masks)}`
  return { ...command, text: `${command.text}${argv}${shown}` }
}

function shownBody(command: KubernetesCommand, body: Buffer, contentType: string, masks: ObjectMask): string {
  const form = bodyForm(contentType, body)
  const resource = resourceOf(command)
  let text: string
  try {
    const read = bodyJson(form, body)
    if (read === null) return `(a body of type ${contentType.slice(0, 100)}, which is not shown)`
    const { json, isWhole } = read
    text = form === 'json-patch' ? shownPatch(json, resource, masks) : masks.apply(json, resource).json.toString('utf8')
    text = JSON.stringify(JSON.parse(text), null, 2)
    if (!isWhole) text += '\n(the rest of it is protobuf, which is not shown)'
  } catch {
    return '(a body that is not what its type says, which is not shown)'
  }
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}\n… cut here` : text
}

function shownPatch(json: Buffer, resource: string, masks: ObjectMask): string {
  const hidden = masks.paths(resource)
  const operations: unknown = JSON.parse(json.toString('utf8'))
  if (!Array.isArray(operations)) throw new SyntaxError('no JSON Patch')
  const shown = operations.map((operation: unknown) => {
    if (typeof operation !== 'object' || operation === null || !('value' in operation)) return operation
    const pointer = 'path' in operation && typeof operation.path === 'string' ? operation.path : ''
    return hidden.some(path => overlaps(pointer, path)) ? { ...operation, value: '[hidden]' } : operation
  })
  // Patterns, and Secrets inside of other objects.
  return masks
    .apply(Buffer.from(JSON.stringify({ items: shown })), resource)
    .json.toString('utf8')
    .slice('{"items":'.length, -1)
}

function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
