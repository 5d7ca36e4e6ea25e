// A recording that was written to harm whoever looks at it: no byte of it is obeyed by a terminal, and nothing of it ends a command otherwise
// than in words.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { printError } from '../../cli/print-error.ts'
import { replay } from '../../cli/replay.ts'
import { verify } from '../../cli/verify.ts'
import { commandOf, logIn, openingOf, sealedStory, tellStory, temporaryFolder } from '../record/recordings.ts'
import { listening } from './recording-io.ts'

/** Clears the screen, sets the title, by C0 and by C1, turns text around, ends a line. */
const EVIL = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202ex\u2028\u0085\u0000\u007f\r\n-- closed'
// oxlint-disable-next-line no-control-regex -- control characters are what must not be there
const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/
const formats = ['text', 'json', 'cast', 'html'] as const

let root: string
let remove: () => void
before(() => ({ dir: root, remove } = temporaryFolder()))
after(() => remove())

describe('a recording whose every text is hostile', () => {
  let dir: string
  before(async () => {
    dir = path.join(root, 'evil')
    await sealedStory(dir)
    const file = path.join(dir, 'events.jsonl')
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    const kinds = new Set(['kind', 'protocol', 'outcome', 'seq', 'ms'])
    const hostile = (value: unknown, name = ''): unknown => {
      if (typeof value === 'string') return kinds.has(name) ? value : EVIL
      if (Array.isArray(value)) return value.map(each => hostile(each))
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(Object.entries(value).map(([member, each]) => [member, hostile(each, member)]))
    }
    const forged = lines.map(line => JSON.stringify(hostile(JSON.parse(line))))
    const terminal = { seq: EVIL, at: EVIL, ms: 1, session: EVIL, kind: 'file', operation: 'terminal-open', path: EVIL }
    const other = { seq: forged.length + 2, at: EVIL, ms: 1, session: EVIL, kind: EVIL }
    writeFileSync(file, `${[...forged, JSON.stringify(terminal), JSON.stringify(other)].join('\n')}\n`)
    writeFileSync(path.join(dir, 'checkpoints'), `${EVIL}\n1\n${EVIL}\n\n${EVIL}\n`)
  })

  for (const format of formats)
    it(`reaches no terminal from replay --format ${format}`, async () => {
      const { status, out, err } = await ended(io => replay(dir, { format }, io))
      assert.equal(status, 1)
      assert.match(err, /TAMPERED/)
      assert.ok(format === 'html' || !RAW.test(out), JSON.stringify(RAW.exec(out)))
      assert.doesNotMatch(err, RAW)
      assert.doesNotMatch(out, /^-- closed$/m)
    })

  for (const json of [true, false])
    it(`reaches no terminal from verify${json ? ' --json' : ''}`, async () => {
      const { status, out, err } = await ended(io => verify(dir, { json }, io))
      assert.equal(status, 1)
      assert.doesNotMatch(out, RAW)
      assert.doesNotMatch(err, RAW)
    })

  it('is the same JSON all the same', async () => {
    const { out } = await ended(io => replay(dir, { format: 'json' }, io))
    const { events } = JSON.parse(out) as { events: { at: string }[] }
    assert.equal(events[0]!.at, EVIL)
  })
})

describe('a recording of a hostile shape', () => {
  it('is shown though a value has a hundred thousand lines, and an answer as many rows', async () => {
    const dir = path.join(root, 'long')
    const { log } = logIn(dir)
    log.commit(null, [openingOf(log.key)], 'synced')
    log.commit('s-1', commandOf(1, 'SELECT 1'), 'written')
    log.append('s-1', { kind: 'rows', command: 1, columns: ['x'], rows: [['\n'.repeat(150_000)]], omitted: 0 })
    log.append('s-1', { kind: 'rows', command: 1, columns: ['x'], rows: Array.from({ length: 150_000 }, () => ['1']), omitted: 0 })
    await log.seal({ reason: 'finished' })
    for (const format of formats) {
      const { status, out } = await ended(io => replay(dir, { format }, io))
      assert.deepEqual([status, out.length > 300_000], [0, true], format)
    }
  })

  it('never fails inside: nested without end, of other types, with names of JavaScript’s own', async () => {
    const source = path.join(root, 'shaped')
    tellStory(logIn(source).log)
    const lines = readFileSync(path.join(source, 'events.jsonl'), 'utf8').trimEnd().split('\n')
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    for (const value of [
      deep,
      '{"__proto__":{"at":1},"constructor":1,"toString":null}',
      '1e999',
      '-0',
      'null',
      '[[],{}]',
      `"${'x'.repeat(30_000)}"`,
    ])
      for (const name of [
        'seq',
        'at',
        'ms',
        'session',
        'prev',
        'kind',
        'text',
        'identity',
        'policy',
        'reason',
        'counts',
        'rows',
        'columns',
        'by',
        'values',
      ]) {
        const dir = path.join(root, 'shape')
        mkdirSync(dir, { recursive: true })
        writeFileSync(path.join(dir, 'events.jsonl'), shaped(lines, name, value))
        for (const act of [verifying, replaying('text'), replaying('html')]) {
          const { status } = await ended(io => act(dir, io))
          assert.equal(status, 1, `${name} ${value.slice(0, 40)}`)
        }
      }
  })

  it('says that it is damaged: a page whose log does not unpack, and one line without end', async () => {
    const page = path.join(root, 'damaged.html')
    const part = (name: string, bytes: Buffer): string =>
      `<script type="text/plain" id="file:${name}">\n${bytes.toString('base64')}\n</script>\n`
    for (const [bytes, replayed] of [
      [Buffer.from('no gzip'), 3],
      [gzipSync(Buffer.from('{"seq":1')).subarray(0, -9), 3],
      [gzipSync(Buffer.alloc(9 * 1024 * 1024, 'x')), 3],
    ] as const) {
      writeFileSync(page, `<!doctype html>\n${part('events.jsonl', bytes)}`)
      assert.equal((await ended(io => verify(page, {}, io))).status, 1)
      const { status, err } = await ended(io => replay(page, {}, io))
      assert.equal(status, replayed, err)
      assert.match(err, /SALLYPORT-E29|damaged|longer than/)
    }
  })

  it('costs no more memory than a terminal may have, however much its zip unpacks to', async () => {
    const dir = path.join(root, 'bomb')
    mkdirSync(path.join(dir, 'sessions'), { recursive: true })
    writeFileSync(
      path.join(dir, 'events.jsonl'),
      '{"seq":1,"at":"","ms":1,"session":"s-1","kind":"file","operation":"terminal-open","path":"sessions/s-1.cast"}\n',
    )
    execFileSync('sh', ['-c', 'head -c 300000000 /dev/zero > sessions/s-1.cast && zip -qr1 ../bomb.zip . && rm sessions/s-1.cast'], {
      cwd: dir,
    })
    const zip = path.join(root, 'bomb.zip')
    for (const format of ['text', 'cast'] as const) {
      const { status, err } = await ended(io => replay(zip, { format }, io))
      assert.equal(status, 3, err)
      assert.match(err, /sessions\/s-1\.cast has more than 268435456 bytes/)
    }
    assert.equal((await ended(io => replay(zip, { format: 'html' }, io))).status, 1)
  })
})

type Act = (dir: string, io: ReturnType<typeof listening>['io']) => Promise<number>

const verifying: Act = (dir, io) => verify(dir, {}, io)

function replaying(format: string): Act {
  return (dir, io) => replay(dir, { format }, io)
}

/** What the command line does with it: an error is words and a status. */
async function ended(
  act: (io: ReturnType<typeof listening>['io']) => Promise<number>,
): Promise<{ status: number; out: string; err: string }> {
  const { io, stdout, stderr } = listening()
  const status = await act(io).catch((error: unknown) => printError(error, io))
  return { status, out: stdout(), err: stderr() }
}

/** A log of every kind of event, one member of each replaced. */
function shaped(lines: readonly string[], name: string, value: string): string {
  return lines
    .map(line => {
      const { [name]: _, ...rest } = JSON.parse(line) as Record<string, unknown>
      return `${JSON.stringify(rest).slice(0, -1)},"${name}":${value}}\n`
    })
    .join('')
}
