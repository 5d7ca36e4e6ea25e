// Everything a forger without the key could do to the files of a sealed recording besides flipping a byte: each is another recording's
// content in the same clothes, or the same content in other clothes. All of them must be called tampered.
import type { Files } from './tampering.ts'

export interface Forgery {
  readonly what: string
  readonly files: Files
}

/** @param other a recording of another run, with the same files. */
export function* forgeriesOf(files: Files, other: Files): Generator<Forgery> {
  for (const [name, bytes] of Object.entries(files)) {
    const text = bytes.toString('utf8')
    for (const [what, changed] of Object.entries({ ...spelledOtherwise(text), ...cutAndGrown(text) }))
      if (changed !== text) yield { what: `${name}: ${what}`, files: { ...files, [name]: Buffer.from(changed) } }
    for (const [what, changed] of Object.entries(bytewise(bytes, other[name]!)))
      yield { what: `${name}: ${what}`, files: { ...files, [name]: changed } }
  }
  yield* perLine(files)
  yield* notes(files, other)
  yield* statements(files, other)
  for (const name of Object.keys(files)) {
    if (!name.startsWith('sessions/')) continue
    yield { what: `${name} under another name`, files: renamed(files, name, 'sessions/s-9.cast') }
    yield { what: `${name} twice`, files: { ...files, 'sessions/s-9.cast': files[name]! } }
    yield { what: `${name} as if it were sealed`, files: renamed(files, name, `${name}.age`) }
  }
  yield {
    what: 'keys for auditors beside lines that are not sealed',
    files: { ...files, 'keys.age': Buffer.from('age-encryption.org/v1\n') },
  }
  yield { what: 'log and statement exchanged', files: exchanged(files, 'events.jsonl', 'statement.dsse.json') }
  yield { what: 'the two files of checkpoints exchanged', files: exchanged(files, 'checkpoint', 'checkpoints') }
}

function spelledOtherwise(text: string): Record<string, string> {
  return {
    'a BOM in front': `\ufeff${text}`,
    'CRLF for LF': text.replaceAll('\n', '\r\n'),
    'CR for LF': text.replaceAll('\n', '\r'),
    'U+2028 for the first LF': text.replace('\n', '\u2028'),
    'U+0085 for the first LF': text.replace('\n', '\u0085'),
    'NFD for NFC': text.replace('name', 'n\u0061\u0301me'),
    'a NUL in front': `\0${text}`,
    'upper case': text.toUpperCase(),
  }
}

function cutAndGrown(text: string): Record<string, string> {
  const lines = text.match(/[^\n]*\n/g) ?? [text]
  return {
    'nothing in it': '',
    'twice its content': text + text,
    'an LF more': `${text}\n`,
    'an LF less': text.replace(/\n$/, ''),
    'a blank more': `${text} `,
    'its lines from behind': lines.toReversed().join(''),
    'its first line gone': lines.slice(1).join(''),
    'its last line gone': lines.slice(0, -1).join(''),
    'its last line twice': text + (lines.at(-1) ?? ''),
    'an object more': `${text}{}\n`,
  }
}

function bytewise(bytes: Buffer, other: Buffer): Record<string, Buffer> {
  const half = bytes.length >> 1
  return {
    'of another run': other,
    'half of it of another run': Buffer.concat([bytes.subarray(0, half), other.subarray(half)]),
    'cut in the middle': bytes.subarray(0, half),
    'a byte less': bytes.subarray(0, -1),
    'a byte that is no UTF-8 more': Buffer.concat([bytes, Buffer.of(0xff)]),
    'a byte that is no UTF-8 in the middle': Buffer.concat([bytes.subarray(0, half), Buffer.of(0xc0, 0x80), bytes.subarray(half)]),
  }
}

/** Each line of the log, so that it says another thing, or the same in another way. */
function* perLine(files: Files): Generator<Forgery> {
  const lines = files['events.jsonl']!.toString('utf8').match(/[^\n]*\n/g) ?? []
  for (const [at, line] of lines.entries()) {
    const event = JSON.parse(line) as Record<string, unknown>
    const { seq, at: when, ms, prev, kind } = event
    const changes: Record<string, string> = {
      'a member twice, the last one counting': line.replace('{', `{"kind":${JSON.stringify(kind)},`),
      'a member twice, another value counting': line.replace(/}\n$/, ',"kind":"mask"}\n'),
      'a member more': line.replace(/}\n$/, ',"note":1}\n'),
      'a blank between two members': line.replace(',', ', '),
      'a name spelled with an escape': line.replace('"kind"', '"\\u006bind"'),
      'its number spelled otherwise': line.replace(`"seq":${String(seq)}`, `"seq":${String(seq)}.0`),
      'its number without end': line.replace(`"seq":${String(seq)}`, '"seq":1e999'),
      'its number as a text': line.replace(`"seq":${String(seq)}`, `"seq":"${String(seq)}"`),
      'its number below zero': line.replace(`"seq":${String(seq)}`, `"seq":-${String(seq)}`),
      'a time before the run': line.replace(String(when), '1999-12-31T23:59:59.999Z'),
      'its clock going backwards': line.replace(`"ms":${String(ms)}`, `"ms":-${String(ms)}`),
      'its clock without end': line.replace(`"ms":${String(ms)}`, '"ms":1e999'),
      'following nothing': line.replace(`"prev":${JSON.stringify(prev)}`, '"prev":null'),
      'of another session': line.replace(/"session":(?:null|"[^"]*")/, '"session":"s-7"'),
      'an array for an object': `[${line.trimEnd()}]\n`,
      'nested without end': line.replace(/}\n$/, `,"x":${'['.repeat(5000)}${']'.repeat(5000)}}\n`),
      'a prototype': line.replace('{', '{"__proto__":{"seq":1},'),
      'an empty line after it': `${line}\n`,
      'U+2028 at its end': line.replace('\n', '\u2028\n'),
      'a CR at its end': line.replace('\n', '\r\n'),
      'two in one line': line.replace('\n', ' '),
    }
    for (const [what, changed] of Object.entries(changes)) {
      if (changed === line) continue
      const log = Buffer.from(lines.toSpliced(at, 1, changed).join(''))
      yield { what: `line ${at + 1}: ${what}`, files: { ...files, 'events.jsonl': log } }
    }
  }
}

function* notes(files: Files, other: Files): Generator<Forgery> {
  const newest = files['checkpoint']!.toString('utf8')
  const earlier = notesIn(files['checkpoints']!)
  const strange = notesIn(other['checkpoints']!)
  const put = (what: string, changed: Record<string, string>): Forgery => ({
    what,
    files: { ...files, ...Object.fromEntries(Object.entries(changed).map(([name, text]) => [name, Buffer.from(text)])) },
  })
  const signature = newest.split('\n').at(-2)!
  yield put('a checkpoint without its signature', { checkpoint: newest.replace(`${signature}\n`, '') })
  yield put('a checkpoint with a signature more', { checkpoint: `${newest}— somebody ${Buffer.alloc(68).toString('base64')}\n` })
  yield put('a checkpoint signed twice', { checkpoint: `${newest}${signature}\n` })
  yield put('a checkpoint over more lines', { checkpoint: newest.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`) })
  yield put('a checkpoint over fewer lines', { checkpoint: newest.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) - 1}\n`) })
  yield put('a checkpoint with a line more', { checkpoint: newest.replace('\n\n', '\nextension\n\n') })
  yield put('a checkpoint of another log', { checkpoint: newest.replace(/^[^\n]+/, '$&/x') })
  for (const [at, note] of earlier.entries()) {
    yield put(`checkpoint ${at + 1} gone`, { checkpoints: earlier.toSpliced(at, 1).join('') })
    yield put(`checkpoint ${at + 1} twice`, { checkpoints: earlier.toSpliced(at, 0, note).join('') })
    yield put(`checkpoint ${at + 1} as the newest`, { checkpoint: note })
    yield put(`checkpoint ${at + 1} as the newest, and no later one`, { checkpoint: note, checkpoints: earlier.slice(0, at).join('') })
    yield put(`checkpoint ${at + 1} of another run`, { checkpoints: earlier.toSpliced(at, 1, strange[at] ?? strange[0]!).join('') })
  }
  yield put('the newest among the earlier ones', { checkpoints: earlier.join('') + newest })
}

function* statements(files: Files, other: Files): Generator<Forgery> {
  const text = files['statement.dsse.json']!.toString('utf8')
  const envelope = JSON.parse(text) as { payload: string; payloadType: string; signatures: { keyid: string; sig: string }[] }
  const strange = JSON.parse(other['statement.dsse.json']!.toString('utf8')) as typeof envelope
  const payload = JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')) as Record<string, unknown>
  const [signature] = envelope.signatures
  const saying = (more: Record<string, unknown>): string => Buffer.from(JSON.stringify({ ...payload, ...more })).toString('base64')
  const forged: Record<string, unknown> = {
    'another payload under the same signature': { ...envelope, payload: strange.payload },
    'a payload that was changed': { ...envelope, payload: saying({ predicateType: 'x' }) },
    'a payload that names no file': { ...envelope, payload: saying({ subject: [] }) },
    'another type of payload': { ...envelope, payloadType: 'text/plain' },
    'no signature': { ...envelope, signatures: [] },
    'a signature of another run': { ...envelope, signatures: strange.signatures },
    'a signature more': { ...envelope, signatures: [...envelope.signatures, ...strange.signatures] },
    'the key of another run': { ...envelope, signatures: [{ ...signature, keyid: strange.signatures[0]!.keyid }] },
    'the right key on the signature of another run': { ...envelope, signatures: [{ ...strange.signatures[0], keyid: signature!.keyid }] },
    'a member more': { ...envelope, note: 1 },
    'its members in another order': { signatures: envelope.signatures, payloadType: envelope.payloadType, payload: envelope.payload },
  }
  for (const [what, statement] of Object.entries(forged))
    yield {
      what: `statement with ${what}`,
      files: { ...files, 'statement.dsse.json': Buffer.from(`${JSON.stringify(statement)}\n`) },
    }
  const spelled: Record<string, string> = {
    'a member twice': text.replace('{', `{"payload":"${strange.payload}",`),
    'white space': JSON.stringify(envelope, null, 1),
    'base64 with a line feed in it': text.replace(envelope.payload, `${envelope.payload.slice(0, 8)}\\n${envelope.payload.slice(8)}`),
    'base64 of the other alphabet': text.replace(signature!.sig, Buffer.from(signature!.sig, 'base64').toString('base64url')),
  }
  for (const [what, changed] of Object.entries(spelled))
    yield { what: `statement with ${what}`, files: { ...files, 'statement.dsse.json': Buffer.from(changed) } }
}

/** A page that somebody may get alone: what it shows, carries or claims is another. Each as its whole text. */
export function* pageForgeriesOf(page: string, other: string): Generator<{ readonly what: string; readonly page: string }> {
  const head = '<script type="text/plain" id="page-signature">\n'
  const [signed = '', signature = ''] = page.split(head)
  const [otherSigned = '', otherSignature = ''] = other.split(head)
  const junk = Buffer.alloc(70, 1).toString('base64')
  const forged: Record<string, string> = {
    'a second signature that is markup': page.replace(/<\/script>\n$/, `— </script><h1>approved&#32;by&#32;dana</h1> ${junk}\n</script>\n`),
    'a first signature that is markup': page.replace(
      head + signature,
      head + signature.replace('\n\n', `\n\n— </script><h1>x</h1> ${junk}\n`),
    ),
    'something after its end': `${page}<h1>approved</h1>`,
    'something in front': `<!doctype html>\n<h1>approved</h1>${page}`,
    'another word': page.replace('DROP TABLE', 'TRUNCATE'),
    'a policy that allows more': page.replace("default-src 'none'", 'default-src *'),
    'a script more': page.replace('</body>', '<script>1</script></body>'),
    'the signature of another page': signed + head + otherSignature,
    'what another page shows': otherSigned + head + signature,
    'no signature': signed,
    'its signature in front of its end': signed.replace('</body>', `${head}${signature}</body>`),
    'no signature, and no word of one, and another word': signed.replace(' data-signed', '').replace('DROP TABLE', 'TRUNCATE'),
    'no word of a signature': page.replace(' data-signed', ''),
    'a file twice': page.replace(/<script type="text\/plain" id="file:checkpoint">\n[^\n]*\n<\/script>\n/, '$&$&'),
    'no log': page.replace(/<script type="text\/plain" id="file:events\.jsonl">\n[^\n]*\n<\/script>\n/, ''),
    'no checkpoint': page.replace(/<script type="text\/plain" id="file:checkpoint">\n[^\n]*\n<\/script>\n/, ''),
    'CRLF for LF': page.replaceAll('\n', '\r\n'),
  }
  for (const [what, changed] of Object.entries(forged)) yield { what, page: changed }
}

function notesIn(checkpoints: Buffer): string[] {
  return checkpoints.toString('utf8').match(/[^\n]+\n[^\n]+\n[^\n]+\n\n[^\n]+\n/g) ?? []
}

function renamed(files: Files, from: string, to: string): Files {
  const { [from]: bytes, ...rest } = files
  return { ...rest, [to]: bytes! }
}

function exchanged(files: Files, a: string, b: string): Files {
  return { ...files, [a]: files[b]!, [b]: files[a]! }
}
