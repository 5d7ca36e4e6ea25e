// Reads a recording out of a zip, as browsers and `gh run download` leave it: stored or deflated entries, zip64 too.
// Layout (APPNOTE.TXT 4.3): local headers with data, then the central directory, then its end record.
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import { EVENTS_FILE, isRecordingFile } from './layout.ts'
import { CHUNK_BYTES, damaged, notARecording } from './recording-source.ts'
import type { RecordingSource } from './recording-source.ts'

const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
const END_BYTES = 22
const MAX_COMMENT_BYTES = 0xffff
const STORED = 0
const DEFLATED = 8
const ENCRYPTED = 1
/** A 32-bit value that stands elsewhere. */
const UNSAID = 0xffffffff

interface Entry {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly packedBytes: number
  readonly bytes: number
  readonly offset: number
}

export async function openZip(file: string): Promise<RecordingSource> {
  const handle = await open(file, 'r')
  try {
    const entries = await readDirectory(handle, file)
    const base = baseOf(entries.map(({ name }) => name))
    if (base === null) throw notARecording(file)
    const files = new Map<string, Entry>()
    const others: string[] = []
    for (const entry of entries) {
      const name = entry.name.startsWith(base) ? entry.name.slice(base.length) : entry.name
      if (!entry.name.startsWith(base) || !isRecordingFile(name)) {
        if (!entry.name.endsWith('/')) others.push(name)
        continue
      }
      if (files.has(name)) throw damaged(file, `it holds ${name} twice`)
      files.set(name, entry)
    }
    const found = (name: string): Entry => {
      const entry = files.get(name)
      if (entry === undefined) throw damaged(file, `it does not hold ${name}`)
      return entry
    }
    return {
      form: 'zip',
      names: [...files.keys()].toSorted(),
      others,
      sizeOf: name => found(name).bytes,
      read: name => readEntry(handle, found(name), file),
      page: null,
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** The folder inside the zip that the recording lies in: '' or `name/`. */
function baseOf(names: readonly string[]): string | null {
  const found = names.filter(name => path.posix.basename(name) === EVENTS_FILE).toSorted((a, b) => a.length - b.length)
  return found[0]?.slice(0, -EVENTS_FILE.length) ?? null
}

async function readDirectory(handle: FileHandle, file: string): Promise<readonly Entry[]> {
  const { size } = await handle.stat()
  const tail = await readAt(handle, Math.max(0, size - END_BYTES - MAX_COMMENT_BYTES), Math.min(size, END_BYTES + MAX_COMMENT_BYTES), file)
  const end = tail.lastIndexOf('PK\u0005\u0006', tail.length - END_BYTES, 'latin1')
  if (end < 0) throw damaged(file, 'the zip has no directory: the download may have been cut off')
  let count = tail.readUInt16LE(end + 10)
  let bytes = tail.readUInt32LE(end + 12)
  let offset = tail.readUInt32LE(end + 16)
  if (end >= 20 && tail.toString('latin1', end - 20, end - 16) === 'PK\u0006\u0007') {
    const end64 = await readAt(handle, Number(tail.readBigUInt64LE(end - 12)), 56, file)
    if (end64.toString('latin1', 0, 4) !== 'PK\u0006\u0006') throw damaged(file, 'the zip64 record is damaged')
    count = Number(end64.readBigUInt64LE(32))
    bytes = Number(end64.readBigUInt64LE(40))
    offset = Number(end64.readBigUInt64LE(48))
  }
  // Written through a pipe, some zips leave the offset open; the directory then ends where its end record starts.
  if (offset === UNSAID) offset = size - tail.length + end - bytes
  if (bytes > MAX_DIRECTORY_BYTES) throw damaged(file, 'the directory of the zip is too large')
  const directory = await readAt(handle, offset, bytes, file)
  const entries: Entry[] = []
  for (let at = 0; entries.length < count;) {
    if (at + 46 > bytes || directory.readUInt32LE(at) !== 0x02014b50) throw damaged(file, 'the directory of the zip is damaged')
    const nameBytes = directory.readUInt16LE(at + 28)
    const extraBytes = directory.readUInt16LE(at + 30)
    if ((directory.readUInt16LE(at + 8) & ENCRYPTED) !== 0) throw damaged(file, 'the zip is encrypted')
    const extra = directory.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes)
    const wide = readWide(extra, [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 42)])
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameBytes),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      bytes: wide[0] ?? 0,
      packedBytes: wide[1] ?? 0,
      offset: wide[2] ?? 0,
    })
    at += 46 + nameBytes + extraBytes + directory.readUInt16LE(at + 32)
  }
  return entries
}

/** Values of 0xffffffff stand, in this order, in the zip64 extra field (id 1) instead. */
function readWide(extra: Buffer, narrow: readonly number[]): readonly number[] {
  let at = 0
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== 1) at += 4 + extra.readUInt16LE(at + 2)
  at += 4
  return narrow.map(value => {
    if (value !== UNSAID || at + 8 > extra.length) return value
    at += 8
    return Number(extra.readBigUInt64LE(at - 8))
  })
}

/** The entry's bytes; only after the last of them does it fail for a wrong checksum, so that what is there can be judged. */
async function* readEntry(handle: FileHandle, entry: Entry, file: string): AsyncGenerator<Buffer> {
  if (entry.method !== STORED && entry.method !== DEFLATED) throw damaged(file, `${entry.name} is packed in a way that is not known`)
  let crc = 0
  let bytes = 0
  for await (const chunk of entry.method === STORED ? packedBytes(handle, entry, file) : inflated(packedBytes(handle, entry, file))) {
    crc = crc32(chunk, crc)
    bytes += chunk.length
    if (bytes > entry.bytes) throw damaged(file, `${entry.name} is longer than the zip says`)
    yield chunk
  }
  if (crc !== entry.crc || bytes !== entry.bytes) throw damaged(file, `${entry.name} does not have the checksum of the zip`)
}

function inflated(packed: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const inflate = createInflateRaw({ chunkSize: 64 * 1024 })
  // An error of either stage ends `inflate`, which is where it is read.
  pipeline(Readable.from(packed, { objectMode: false, highWaterMark: CHUNK_BYTES }), inflate, () => {})
  return inflate
}

async function* packedBytes(handle: FileHandle, entry: Entry, file: string): AsyncGenerator<Buffer> {
  const header = await readAt(handle, entry.offset, 30, file)
  if (header.readUInt32LE(0) !== 0x04034b50) throw damaged(file, `the header of ${entry.name} is damaged`)
  const name = await readAt(handle, entry.offset + 30, header.readUInt16LE(26), file)
  // Some programs go by the headers, some by the directory: they must not show different files.
  if (name.toString('utf8') !== entry.name) throw damaged(file, `the header of ${entry.name} names another file`)
  let at = entry.offset + 30 + name.length + header.readUInt16LE(28)
  for (let rest = entry.packedBytes; rest > 0; rest -= CHUNK_BYTES) {
    const chunk = await readAt(handle, at, Math.min(rest, CHUNK_BYTES), file)
    at += chunk.length
    yield chunk
  }
}

async function readAt(handle: FileHandle, offset: number, length: number, file: string): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
  if (bytesRead !== length) throw damaged(file, 'it ends too early')
  return buffer
}
