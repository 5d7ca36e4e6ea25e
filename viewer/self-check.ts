// The page checks the recording inside it: tree, signature, end. Whoever forges a page forges its check too, and the words say so.
import { sha256 } from './sha256.ts'

export interface CheckResult {
  readonly verdict: 'intact' | 'tampered' | 'incomplete' | 'unchecked'
  readonly words: string
  /** The verifier key of the recording; empty when it names none. */
  readonly key: string
}

/** What the page says of lines that it carries sealed; empty and false where the lines say it themselves. */
export interface SaidByPage {
  readonly key: string
  readonly isClosed: boolean
}

/** Terminals that the page carries as they were recorded. */
export interface CarriedTerminals {
  readonly names: readonly string[]
  readonly read: (name: string) => Promise<Uint8Array<ArrayBuffer>>
}

/** @param events raw bytes of `events.jsonl`. @param checkpoint text of the signed note. */
export async function selfCheck(
  events: Uint8Array,
  checkpoint: string,
  said: SaidByPage,
  terminals: CarriedTerminals,
): Promise<CheckResult> {
  const { lines, root, first, last } = await readLog(events)
  const isSealed = textMember(first, 'sealed') !== ''
  const key = isSealed ? said.key : textMember(first, 'key')
  const isClosed = isSealed ? said.isClosed : textMember(last, 'kind') === 'run.close'
  const [, size, signedRoot] = checkpoint.split('\n')
  const isSame = Number(size) === lines && signedRoot === base64(root)
  if (!isSame) return { verdict: 'tampered', words: `TAMPERED: these are not the ${size ?? '?'} lines that were signed.`, key }
  const isSigned = await isSignedBy(checkpoint, key)
  if (isSigned === null) return { verdict: 'unchecked', words: 'This browser cannot check the signature.', key }
  if (!isSigned) return { verdict: 'tampered', words: 'TAMPERED: the checkpoint is not signed by the key of the recording.', key }
  const foreign = await foreignTerminal(events, terminals)
  if (foreign !== null) return { verdict: 'tampered', words: `TAMPERED: ${foreign} is not the terminal that the log speaks of.`, key }
  if (!isClosed) return { verdict: 'incomplete', words: 'INCOMPLETE: the run was not closed.', key }
  return { verdict: 'intact', words: `Intact (self-check): ${lines} lines, signed by the key below.`, key }
}

/** The first terminal whose digest is not in the log. One that the run did not live to close has none. */
async function foreignTerminal(events: Uint8Array, { names, read }: CarriedTerminals): Promise<string | null> {
  if (names.length === 0) return null
  const lines = new TextDecoder().decode(events).split('\n')
  const ends = lines.filter(line => line.includes('"operation":"terminal"') && textMember(line, 'kind') === 'file')
  const digests = new Map(ends.map(line => [textMember(line, 'path'), textMember(line, 'digest')]))
  for (const name of names) {
    const stated = digests.get(name)
    if (stated !== undefined && stated !== `sha256:${hex(await crypto.subtle.digest('SHA-256', await read(name)))}`) return name
  }
  return null
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), byte => byte.toString(16).padStart(2, '0')).join('')
}

/** How long the page may be without an answer to its reader while it checks itself. */
const TURN_MS = 25

async function readLog(bytes: Uint8Array): Promise<{ lines: number; root: Uint8Array; first: string; last: string }> {
  const peaks: { size: number; hash: Uint8Array }[] = []
  const text = new TextDecoder()
  let [lines, start, lastStart, first] = [0, 0, 0, '']
  let turnEndsMs = performance.now() + TURN_MS
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    const leaf = new Uint8Array(end - start + 1)
    leaf.set(bytes.subarray(start, end), 1)
    if (lines === 0) first = text.decode(bytes.subarray(start, end))
    let top = { size: 1, hash: sha256(leaf) }
    for (let left = peaks.at(-1); left?.size === top.size; left = peaks.at(-1)) {
      peaks.pop()
      top = { size: left.size * 2, hash: join(left.hash, top.hash) }
    }
    peaks.push(top)
    lines += 1
    lastStart = start
    start = end + 1
    if (performance.now() < turnEndsMs) continue
    await new Promise(resolve => setTimeout(resolve))
    turnEndsMs = performance.now() + TURN_MS
  }
  const last = text.decode(bytes.subarray(lastStart, Math.max(lastStart, start - 1)))
  const root = peaks
    .map(({ hash }) => hash)
    .reduceRight<Uint8Array | null>((right, left) => (right === null ? left : join(left, right)), null)
  // Bytes after the last line are nobody's; they make the number of lines wrong.
  return { lines: start === bytes.length ? lines : -1, root: root ?? sha256(new Uint8Array()), first, last }
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  const node = new Uint8Array(65)
  node[0] = 1
  node.set(left, 1)
  node.set(right, 33)
  return sha256(node)
}

/** null when the browser has no Ed25519. */
async function isSignedBy(note: string, key: string): Promise<boolean | null> {
  const [name, , typed] = key.split('+', 2).concat(key.split('+').slice(2).join('+'))
  const split = note.lastIndexOf('\n\n')
  const [, signer, signature] = /^— (\S+) (\S+)\n$/.exec(note.slice(split + 2)) ?? []
  if (name === undefined || typed === undefined || signer !== name || signature === undefined) return false
  try {
    const publicKey = await crypto.subtle.importKey('raw', bytesOf(typed).slice(1), { name: 'Ed25519' }, false, ['verify'])
    const text = new TextEncoder().encode(note.slice(0, split + 1))
    return await crypto.subtle.verify({ name: 'Ed25519' }, publicKey, bytesOf(signature).slice(4), text)
  } catch (error) {
    return error instanceof Error && error.name === 'NotSupportedError' ? null : false
  }
}

/** Unpacks gzip in base64. */
export async function unpack(packed: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytesOf(packed)]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.trim())
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at)
  return bytes
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

function textMember(line: string, name: string): string {
  try {
    const value: unknown = JSON.parse(line)
    const member = typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : null
    return typeof member === 'string' ? member : ''
  } catch {
    return ''
  }
}
