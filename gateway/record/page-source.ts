// Reads the recording that a replay page carries.
import { hash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { EVENTS_FILE, isRecordingFile } from './layout.ts'
import { pageStart, readParts, readSignature } from './page-parts.ts'
import { CHUNK_BYTES, damaged, notARecording } from './recording-source.ts'
import type { RecordingSource } from './recording-source.ts'

/** A page is read whole; what is larger is not written as a page. */
const MAX_PAGE_BYTES = 64 * 1024 * 1024

const START_BYTES = 64

export async function openPage(file: string): Promise<RecordingSource> {
  if ((await stat(file)).size > MAX_PAGE_BYTES) throw damaged(file, `a replay page has at most ${MAX_PAGE_BYTES} bytes`)
  const page = await readFile(file)
  const parts = readParts(page.toString('utf8'))
  if (parts === null) throw damaged(file, 'it holds a file twice')
  if (!parts.has(EVENTS_FILE)) throw notARecording(file)
  const signature = readSignature(page)
  const signed = signature === null ? page : page.subarray(0, signature.signedBytes)
  const names = [...parts.keys()].filter(isRecordingFile).toSorted()
  return {
    form: 'page',
    names,
    others: [...parts.keys()].filter(name => !isRecordingFile(name)),
    sizeOf: name => parts.get(name)?.length ?? 0,
    read: name => {
      const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
      pipeline(Readable.from([Buffer.from(parts.get(name) ?? '', 'base64')], { objectMode: false }), gunzip, () => {})
      return gunzip
    },
    page: {
      isSigned: page.toString('utf8', 0, START_BYTES).startsWith(pageStart(true)),
      note: signature?.note ?? null,
      sha256: hash('sha256', signed, 'hex'),
      text: () => page.toString('utf8'),
    },
    close: () => Promise.resolve(),
  }
}
