import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import type { Io } from '../../cli/io.ts'
import { progressOn } from '../../cli/progress.ts'
import { replay } from '../../cli/replay.ts'
import { encryptAge } from '../../gateway/record/age/age-file.ts'
import { sealedSampleRun } from '../../world/recording/sample-run.ts'
import { auditor, auditorSecret, commandOf, logIn, openingOf, temporaryFolder } from '../record/recordings.ts'
import { listening } from './recording-io.ts'

const web = 's-Zr7nB0dTq3Yc'
const main = path.resolve(import.meta.dirname, '../../cli/main.ts')

let root: string
let remove: () => void
let dir: string
let cast: string

before(async () => {
  ;({ dir: root, remove } = temporaryFolder())
  dir = path.join(root, 'run')
  await sealedSampleRun(dir)
  cast = path.join(dir, `sessions/${web}.cast`)
})
after(() => remove())

describe('sallyport replay of a terminal', () => {
  it('gives the asciicast as it was recorded to a pipe, and says whose terminal it is', async () => {
    const { io, stdout, stderr } = listening()
    assert.equal(await replay(dir, { format: 'cast' }, io), 0)
    assert.equal(stdout(), readFileSync(cast, 'utf8'))
    assert.match(stderr(), new RegExp(`terminal of session ${web}`))
  })

  it('gives one of several only when it is named', async () => {
    const several = path.join(root, 'several')
    const { log } = logIn(several)
    log.commit(null, [openingOf(log.key)], 'synced')
    for (const command of [1, 2]) {
      log.commit('s-1', commandOf(command, 'shell'), 'written')
      log.openTerminal('s-1', command, { columns: 80, rows: 24 }, 'web').output(Buffer.from(`terminal ${command}`))
    }
    await log.seal({ reason: 'finished' })
    await assert.rejects(replay(several, { format: 'cast' }, listening().io), (error: Error & { fix: string }) => {
      assert.match(error.message, /2 terminals/)
      return error.fix.endsWith('--session: s-1-2, s-1')
    })
    const first = listening()
    await replay(several, { format: 'cast', session: 's-1' }, first.io)
    assert.match(first.stdout(), /terminal 1/)
    assert.match(first.stderr(), /--session s-1-2/)
    const second = listening()
    await replay(several, { format: 'cast', session: 's-1-2' }, second.io)
    assert.match(second.stdout(), /terminal 2/)
  })

  it('tells a session without a terminal as one all the same', async () => {
    const { io, stdout } = listening()
    await replay(dir, { format: 'cast', session: 's-8Kq2vXw1aLpZ' }, io)
    assert.match(stdout(), /DROP TABLE customers/)
  })

  it('shows as text what stood in the terminal, and obeys none of it', async () => {
    const evil = path.join(root, 'evil')
    const { log } = logIn(evil)
    log.commit(null, [openingOf(log.key)], 'synced')
    log.commit('s-1', commandOf(1, 'shell'), 'written')
    const terminal = log.openTerminal('s-1', 1, { columns: 80, rows: 24 }, 'web')
    terminal.output(Buffer.from('\u001b]52;c;ZXZpbA==\u0007\u001b[31mred\u001b[0m\u0007\r\n-- closed at 2030: by nobody\u202e\r\n'))
    await log.seal({ reason: 'finished' })
    const { io, stdout } = listening()
    await replay(evil, {}, io)
    assert.match(stdout(), /-- terminal sessions\/s-1\.cast\n {2}│ red\n {2}│ -- closed at 2030: by nobody⟦U\+202E⟧\n/)
    assert.equal(hasControls(stdout()), false)
  })

  it('shows the sample run’s terminal as it was, without the password', async () => {
    const { io, stdout } = listening()
    await replay(dir, { session: web }, io)
    assert.match(stdout(), / {2}│ \[sudo\] password for deploy:\n/)
    assert.match(stdout(), / {2}│ {2}5 passed, 1 slow\n/)
    assert.equal(stdout().includes('correct horse'), false)
  })

  it('asks for the identity of an encrypted one, and reads all of one whose gateway died', async () => {
    const sealed = path.join(root, 'sealed')
    const { log } = logIn(sealed, { encryptTo: [auditor().recipient] })
    log.commit(null, [openingOf(log.key)], 'synced')
    log.commit('s-1', commandOf(1, 'shell'), 'written')
    const terminal = log.openTerminal('s-1', 1, { columns: 80, rows: 24 }, 'web')
    for (let line = 0; line < 5000; line += 1) terminal.output(Buffer.from(`line ${line} of a long listing\r\n`))
    terminal.input(Buffer.from('q'))
    await assert.rejects(replay(sealed, { format: 'cast' }, listening().io), { code: 'UNREADABLE' })
    const identity = path.join(root, 'key.txt')
    writeFileSync(identity, `${auditorSecret}\n`)
    const { io, stdout, stderr } = listening()
    await replay(sealed, { format: 'cast', identity }, io)
    assert.match(stdout(), /line 4999 of a long listing[^\n]*\n[^\n]*"i","q"\]\n$/)
    assert.match(stderr(), /the end of sessions\/s-1\.cast\.age is missing/)
    const text = listening()
    await replay(sealed, { identity }, text.io)
    assert.match(text.stdout(), / {2}│ line 4999 of a long listing\n/)
    // What the tail of another moment would add is not there twice, and not with a gap before it.
    const tail = path.join(sealed, 'sessions/s-1.cast.tail.age')
    for (const [offset, adds] of [
      [0, false],
      [1 << 30, false],
    ] as const) {
      writeFileSync(tail, encryptAge(Buffer.from(`{"offset":${offset}}\nshort`), [auditor().recipient]))
      const other = listening()
      await replay(sealed, { format: 'cast', identity }, other.io)
      assert.equal(other.stdout().includes('short'), adds)
      assert.match(other.stdout(), /line 1000 of a long listing/)
    }
    truncateSync(path.join(sealed, 'sessions/s-1.cast.age'), 100)
    await assert.rejects(replay(sealed, { format: 'cast', identity }, listening().io), { code: 'UNREADABLE' })
  })

  it('plays on a terminal: drawn from the screen, at its speed, with nothing of the recording raw', async () => {
    const { output, code } = await onTerminal(`'${process.execPath}' '${main}' replay '${dir}' --format cast --speed 400`)
    assert.equal(code, 0)
    assert.ok(output.includes('\u001b[?1049h') && output.includes('\u001b[?1049l'))
    assert.match(output.slice(output.lastIndexOf('\u001b[?1049l')), /systemctl status shop --no-pager\r?\n● shop\.service/)
    assert.equal(output.includes('\u001b[1;32mdeploy'), false)
  })

  if (existsSync('/usr/bin/asciinema'))
    it('is read by asciinema', async () => {
      const { output } = await onTerminal(`asciinema cat '${cast}'`)
      assert.match(output, /5 passed/)
    })
})

describe('progress', () => {
  it('is a bar on a terminal for what takes longer than a second, and goes away', () => {
    let nowMs = 0
    const { io, stderr } = listening()
    const progress = progressOn({ ...io, isTty: true }, 'verifying', () => nowMs)
    progress.show(1, 100)
    nowMs = 999
    progress.show(10, 100)
    assert.equal(stderr(), '')
    nowMs = 1000
    progress.show(50, 100)
    nowMs = 1100
    progress.show(60, 100)
    assert.equal(stderr(), `\rverifying [${'#'.repeat(15)}${'.'.repeat(15)}] 50 %`)
    nowMs = 1300
    progress.show(100, 100)
    progress.end()
    assert.ok(stderr().endsWith('99 %\r\u001b[K'))
  })

  it('is nothing anywhere else', () => {
    const { io, stderr } = listening()
    const progress = progressOn(io satisfies Io, 'verifying', () => 1e9)
    progress.show(50, 100)
    progress.end()
    assert.equal(stderr(), '')
  })
})

/** Runs it with a pseudo-terminal as standard output. */
async function onTerminal(command: string): Promise<{ output: string; code: number | null }> {
  const { CI: _, NO_COLOR: __, ...env } = process.env
  const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], {
    env: { ...env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  return { output: await textOf(child.stdout), code: await ended }
}

function hasControls(text: string): boolean {
  return Array.from(text).some(character => character < ' ' && character !== '\n' && character !== '\t')
}
