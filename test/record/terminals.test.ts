import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs, { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import type { TerminalRecording } from '../../gateway/core/terminal.ts'
import { decryptAge } from '../../gateway/record/age/age-file.ts'
import type { Disk } from '../../gateway/record/log-file.ts'
import { recoverRunLog } from '../../gateway/record/recover.ts'
import type { RunLog, RunLogOptions } from '../../gateway/record/run-log.ts'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { auditor, auditorSecret, commandOf, logIn, openingOf, temporaryFolder } from './recordings.ts'
import type { HandClock } from './recordings.ts'

let dir: string
let remove: () => void
beforeEach(() => ({ dir, remove } = temporaryFolder()))
afterEach(() => remove())

const size = { columns: 100, rows: 30 }
type CastLine = [number, string, string]

describe('the recording of a terminal', () => {
  it('is an asciicast v2 with size, start, title, and every event at its monotonic time', async () => {
    const { terminal, clock } = open()
    terminal.output(Buffer.from('$ '))
    await clock.pass(1500.25)
    terminal.input(Buffer.from('ls\r'))
    await clock.pass(10)
    terminal.resize(120, 40)
    terminal.output(Buffer.from('\u001b[1mfile\u001b[0m\r\n'))
    terminal.close()
    assert.deepEqual(cast(), {
      header: { version: 2, width: 100, height: 30, timestamp: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000, title: 'web: command 1' },
      lines: [
        [0, 'o', '$ '],
        [1.50025, 'i', 'ls\r'],
        [1.51025, 'r', '120x40'],
        [1.51025, 'o', '\u001b[1mfile\u001b[0m\r\n'],
      ],
    })
  })

  it('loses no byte: characters cut between chunks come whole, bytes that are none are replaced', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(60)), (bytes, cuts) => {
        rmSync(dir, { recursive: true, force: true })
        const { terminal } = open()
        let start = 0
        for (const cut of [...cuts.toSorted((one, other) => one - other), bytes.length]) {
          if (cut <= start) continue
          terminal.output(Buffer.from(bytes.subarray(start, cut)))
          start = cut
        }
        terminal.close()
        assert.equal(textOf('o'), Buffer.from(bytes).toString('utf8'))
      }),
      { numRuns: 200 },
    )
  })

  it('gives a size that a terminal can have', () => {
    const { terminal } = open({}, { columns: 0, rows: 100_000 })
    terminal.resize(Number.NaN, -1)
    terminal.close()
    const { header, lines } = cast()
    assert.deepEqual([header['width'], header['height'], lines[0]?.[2]], [80, 1000, '80x24'])
  })

  it('is on disk within the flush time, and what is typed before it is passed on', async () => {
    const { terminal, clock } = open()
    terminal.output(Buffer.from('one'))
    await clock.pass(49)
    assert.equal(textOf('o'), '')
    await clock.pass(1)
    assert.equal(textOf('o'), 'one')
    terminal.output(Buffer.from('two'))
    terminal.input(Buffer.from('typed'))
    assert.deepEqual([textOf('o'), textOf('i')], ['onetwo', 'typed'])
  })

  it('asks to wait when too much is queued', async () => {
    const { terminal, log } = open({ limits: { maxQueuedBytes: 1000 } })
    assert.equal(terminal.output(Buffer.from('x'.repeat(500))), true)
    assert.equal(terminal.output(Buffer.from('x'.repeat(500))), false)
    await log.drained()
    assert.equal(textOf('o').length, 1000)
  })

  it('has its beginning, and its end with digest and size, in the log', async () => {
    const { terminal, log } = open()
    terminal.output(Buffer.from('hello'))
    terminal.close()
    terminal.close()
    const stored = readFileSync(path.join(dir, 'sessions/s-1.cast'))
    const sha256 = createHash('sha256').update(stored).digest('hex')
    const said = events('file')
    assert.deepEqual(
      said.map(({ operation, path: name, bytes, digest, session, command }) => [operation, name, bytes, digest, session, command]),
      [
        ['terminal-open', 'sessions/s-1.cast', said[0]!['bytes'], null, 's-1', 1],
        ['terminal', 'sessions/s-1.cast', stored.length, `sha256:${sha256}`, 's-1', 1],
      ],
    )
    const sealed = await log.seal({ reason: 'finished' })
    assert.equal(sealed.files.find(({ name }) => name === 'sessions/s-1.cast')?.sha256, sha256)
  })

  it('gets a file of its own for each terminal of a session, and ends with the run', async () => {
    const { terminal, log } = open()
    const second = log.openTerminal('s-1', 2, size, 'web: command 2')
    terminal.output(Buffer.from('first'))
    second.output(Buffer.from('second'))
    assert.throws(() => log.openTerminal('s-1', 2, size, 'again'), { code: 'RECORDING_FAILED' })
    assert.equal(log.hasFailed, false)
    await log.seal({ reason: 'finished' })
    assert.deepEqual(readdirSync(path.join(dir, 'sessions')).toSorted(), ['s-1-2.cast', 's-1.cast'])
    assert.deepEqual([textOf('o'), textOf('o', 's-1-2')], ['first', 'second'])
    assert.throws(() => second.output(Buffer.from('late')), { code: 'RECORDING_FAILED' })
    assert.equal((await verifyRecording(dir)).verdict, 'intact')
  })

  it('stops taking output at its bound, says so in both files, and still takes what is typed', async () => {
    const { terminal, log } = open({ limits: { maxOutputBytes: 400, maxInputBytes: 400 } })
    for (let line = 0; line < 20; line += 1) terminal.output(Buffer.from(`line ${line} of the output\r\n`))
    terminal.input(Buffer.from('still here'))
    terminal.close()
    const { lines } = cast()
    const at = lines.findIndex(([, kind]) => kind === 'm')
    assert.equal(lines[at]?.[2], 'truncated: no more output is kept')
    assert.deepEqual(
      lines.slice(at + 1).map(([, kind]) => kind),
      ['i'],
    )
    const kept = textOf('o').length
    const all = Array.from({ length: 20 }, (_, line) => `line ${line} of the output\r\n`).join('').length
    assert.deepEqual(
      events('file').map(({ operation, omitted }) => [operation, operation === 'terminal' ? omitted : null]),
      [
        ['terminal-open', null],
        ['terminal-truncated', null],
        ['terminal', all - kept],
      ],
    )
    await log.seal({ reason: 'finished' })
    assert.equal((await verifyRecording(dir)).verdict, 'intact')
  })

  it('keeps no password that is typed at a prompt, however it is typed, and not its length', () => {
    const { terminal } = open()
    for (const piece of ['\u001b[1m[sudo] pass', 'word for ci:\u001b[0m ']) terminal.output(Buffer.from(piece))
    for (const key of 'hunter2') terminal.input(Buffer.from(key))
    terminal.output(Buffer.from('***'))
    terminal.input(Buffer.from('more'))
    terminal.input(Buffer.from('\r'))
    terminal.output(Buffer.from('\r\n# '))
    terminal.input(Buffer.from('id\r'))
    terminal.output(Buffer.from('\r\nEnter passphrase for key: '))
    terminal.input(Buffer.from('correct horse\rwhoami\r'))
    terminal.close()
    assert.equal(textOf('i'), '•••\rid\r•••\rwhoami\r')
  })
})

describe('terminals of an encrypted log', () => {
  it('are plain age files, and nothing readable is on disk at any time', async () => {
    const { terminal, log } = open({ encryptTo: [auditor().recipient] })
    const marker = 'the launch code is tangerine'
    for (let chunk = 0; chunk < 200; chunk += 1) {
      terminal.output(Buffer.from(`${marker}\r\n`.repeat(50)))
      terminal.input(Buffer.from(marker))
      assert.equal(readableIn(dir, marker), false)
    }
    assert.ok(existsSync(path.join(dir, 'sessions/s-1.cast.tail.age')))
    await log.seal({ reason: 'finished' })
    assert.equal(readableIn(dir, marker), false)
    assert.deepEqual(readdirSync(path.join(dir, 'sessions')), ['s-1.cast.age'])
    const stored = readFileSync(path.join(dir, 'sessions/s-1.cast.age'))
    const plain = decryptAge(stored, auditor().identities)!.toString('utf8')
    assert.equal(plain.split('\n').length - 2, 400)
    assert.match(plain, /^\{"version":2,/)
    const report = await verifyRecording(dir, { identities: auditor().identities })
    assert.deepEqual([report.verdict, report.wrong], ['intact', []])
    assert.ok(report.checked.includes('1 terminal: the log has their digests'))
    assert.equal((await verifyRecording(dir)).verdict, 'intact')
  })

  if (existsSync('/usr/bin/age'))
    it('open with the age command', () => {
      const { terminal } = open({ encryptTo: [auditor().recipient] })
      terminal.output(Buffer.from('hello'))
      terminal.close()
      const key = path.join(dir, 'key.txt')
      writeFileSync(key, `${auditorSecret}\n`)
      const plain = execFileSync('age', ['-d', '-i', key, path.join(dir, 'sessions/s-1.cast.age')], { encoding: 'utf8' })
      assert.match(plain, /\[0,"o","hello"\]\n$/)
    })
})

describe('verifying terminals', () => {
  it('finds a cast that was changed, exchanged, added or removed', async () => {
    const { terminal, log } = open()
    terminal.output(Buffer.from('one'))
    const second = log.openTerminal('s-1', 2, size, 'web: command 2')
    second.output(Buffer.from('two'))
    await log.seal({ reason: 'finished' })
    const [one, two] = ['sessions/s-1.cast', 'sessions/s-1-2.cast'].map(name => path.join(dir, name)) as [string, string]
    const was = [readFileSync(one), readFileSync(two)] as const
    const after = async (change: () => void): Promise<string> => {
      change()
      const report = await verifyRecording(dir)
      writeFileSync(one, was[0])
      writeFileSync(two, was[1])
      assert.equal(report.verdict, 'tampered')
      return report.wrong.join('\n')
    }
    assert.match(
      await after(() => writeFileSync(one, was[0].toString().replace('one', 'eno'))),
      /s-1\.cast is not the terminal that the log speaks of/,
    )
    assert.match(await after(() => (writeFileSync(one, was[1]), writeFileSync(two, was[0]))), /s-1-2\.cast is not the terminal/)
    assert.match(await after(() => rmSync(two)), /s-1-2\.cast is missing/)
    writeFileSync(path.join(dir, 'sessions/s-9.cast'), was[0])
    assert.match(await after(() => {}), /s-9\.cast: no event of the log speaks of this terminal/)
    rmSync(path.join(dir, 'sessions/s-9.cast'))
    assert.equal((await verifyRecording(dir)).verdict, 'intact')
  })

  it('works in every form that a recording comes in: a zip, a page, a bucket’s copy', async () => {
    const { terminal, log } = open()
    terminal.output(Buffer.from('hello'))
    const { files, lines } = await log.seal({ reason: 'finished' })
    const zip = path.join(dir, '..', `${path.basename(dir)}.zip`)
    execFileSync('zip', ['-qr', zip, '.'], { cwd: dir })
    const bucket = path.join(dir, 'copy')
    for (const { name, sha256 } of files) {
      const number = String(lines).padStart(12, '0')
      const to = name === 'events.jsonl' ? `events/000000000001-${number}.${sha256}.jsonl` : `files/${sha256}/${name}`
      mkdirSync(path.dirname(path.join(bucket, to)), { recursive: true })
      copyFileSync(path.join(dir, name), path.join(bucket, to))
    }
    try {
      for (const form of [zip, bucket, path.join(dir, 'replay.html')]) {
        const { verdict, wrong, checked } = await verifyRecording(form)
        assert.deepEqual([verdict, wrong], ['intact', []])
        assert.ok(checked.includes('1 terminal: the log has their digests'), form)
      }
    } finally {
      rmSync(zip)
    }
    const page = path.join(dir, 'replay.html')
    const other = gzipSync('{"version":2,"width":80,"height":24}\n').toString('base64')
    writeFileSync(
      page,
      readFileSync(page, 'utf8').replace(/(id="file:sessions\/s-1\.cast">\n)[^<]*/, (_, head: string) => `${head}${other}\n`),
    )
    const { wrong } = await verifyRecording(page)
    assert.match(wrong.join('\n'), /s-1\.cast is not the terminal that the log speaks of/)
  })

  it('says what an INCOMPLETE recording cannot vouch for', async () => {
    const { terminal } = open()
    terminal.input(Buffer.from('ls\r'))
    writeFileSync(path.join(dir, 'sessions/stray.cast'), '{"version":2}\n')
    const report = await verifyRecording(dir)
    assert.equal(report.verdict, 'incomplete')
    assert.ok(report.unchecked.includes('sessions/s-1.cast: the run ended before this terminal did, so the log has no digest of it'))
    assert.ok(report.unchecked.includes('sessions/stray.cast: no event of the log speaks of this terminal'))
    rmSync(path.join(dir, 'sessions/s-1.cast'))
    assert.ok((await verifyRecording(dir)).wrong.includes('sessions/s-1.cast is missing: the run ended before it was shipped'))
  })

  it('cuts a torn last line of a cast when the recording is recovered', async () => {
    const { terminal } = open()
    terminal.input(Buffer.from('one'))
    terminal.input(Buffer.from('two'))
    const file = path.join(dir, 'sessions/s-1.cast')
    truncateSync(file, readFileSync(file).length - 3)
    await recoverRunLog(dir)
    assert.equal(textOf('i'), 'one')
    assert.equal(readFileSync(file, 'utf8').endsWith('\n'), true)
  })
})

describe('a disk that fails under a terminal', () => {
  for (const code of ['ENOSPC', 'EIO'])
    it(`is the failure of the log (${code}): nothing typed after it may be passed on`, () => {
      let isFull = false
      const { terminal, log } = open({ disk: failing(() => isFull, code) })
      terminal.input(Buffer.from('one'))
      isFull = true
      assert.throws(() => terminal.input(Buffer.from('two')), { code: 'RECORDING_FAILED' })
      assert.equal(log.hasFailed, true)
      isFull = false
      assert.throws(() => terminal.output(Buffer.from('three')), { code: 'RECORDING_FAILED' })
      assert.throws(() => log.commit('s-1', commandOf(2, 'ls'), 'written'), { code: 'RECORDING_FAILED' })
      assert.doesNotThrow(() => terminal.close())
      assert.equal(textOf('i'), 'one')
    })

  it('opens no terminal when no file can be opened', () => {
    const { log } = open({ disk: { ...fs, openSync: refusing(fs.openSync) } }, size, false)
    assert.throws(() => log.openTerminal('s-1', 1, size, 'web'), { code: 'RECORDING_FAILED' })
    assert.equal(log.hasFailed, true)
  })
})

interface Opened {
  readonly log: RunLog
  readonly clock: HandClock
  readonly terminal: TerminalRecording
}

function open(options: Partial<RunLogOptions> = {}, wanted = size, isOpened = true): Opened {
  const { log, clock } = logIn(dir, options)
  log.commit(null, [openingOf(log.key)], 'synced')
  log.commit('s-1', [{ kind: 'session.open', connection: 'web', protocol: 'ssh', client: 'OpenSSH', user: 'deploy' }], 'written')
  log.commit('s-1', commandOf(log.nextCommand(), 'shell'), 'written')
  return { log, clock, terminal: isOpened ? log.openTerminal('s-1', 1, wanted, 'web: command 1') : (null as never) }
}

function cast(name = 's-1'): { header: Record<string, unknown>; lines: CastLine[] } {
  const [header, ...lines] = readFileSync(path.join(dir, `sessions/${name}.cast`), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as never)
  return { header: header!, lines }
}

function textOf(kind: 'o' | 'i', name = 's-1'): string {
  return cast(name)
    .lines.filter(([, of]) => of === kind)
    .map(([, , text]) => text)
    .join('')
}

function events(kind: string): Record<string, unknown>[] {
  const lines = readFileSync(path.join(dir, 'events.jsonl'), 'utf8').trimEnd().split('\n')
  return lines.map(line => JSON.parse(line) as Record<string, unknown>).filter(event => event['kind'] === kind)
}

function readableIn(folder: string, text: string): boolean {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).some(
    entry => entry.isFile() && readFileSync(path.join(entry.parentPath, entry.name)).includes(text),
  )
}

function failing(isFull: () => boolean, code: string): Disk {
  return {
    ...fs,
    writeSync: ((fd: number, bytes: Buffer, offset: number, length: number) => {
      if (isFull()) throw Object.assign(new Error(code), { code })
      return fs.writeSync(fd, bytes, offset, length)
    }) as Disk['writeSync'],
  }
}

function refusing(openSync: Disk['openSync']): Disk['openSync'] {
  return (file, flags, mode) => {
    if (String(file).endsWith('.cast')) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
    return openSync(file, flags, mode)
  }
}
