import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { AgeIdentity } from '../../gateway/record/age/age-keys.ts'
import { openKeys } from '../../gateway/record/line-seal.ts'
import { recoverRunLog } from '../../gateway/record/recover.ts'
import { verifyRecording } from '../../gateway/record/verify-recording.ts'
import { auditor, logIn, sealedStory, tellStory, temporaryFolder } from './recordings.ts'

const ROUNDS = 100
const SEALED_ROUNDS = 16
const AT_ONCE = 2
const writer = path.join(import.meta.dirname, 'crash-writer.ts')

let root: string
let remove: () => void
before(() => ({ dir: root, remove } = temporaryFolder()))
after(() => remove())

describe('a gateway that is killed', () => {
  it(`leaves every command that was let through in the log, ${ROUNDS} times at a random moment`, async () => {
    let forwarded = 0
    for (let round = 0; round < ROUNDS; round += AT_ONCE) {
      const told = await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => killOnce(path.join(root, `round-${round + index}`))))
      forwarded += told.reduce((sum, count) => sum + count, 0)
    }
    // Otherwise the rounds were killed before they did anything.
    assert.ok(forwarded > ROUNDS * 10, `${forwarded} commands`)
  })
})

describe('a gateway that is killed while only auditors may read', () => {
  it(`leaves every command that was let through in the log, ${SEALED_ROUNDS} times at a random moment`, async () => {
    let forwarded = 0
    for (let round = 0; round < SEALED_ROUNDS; round += AT_ONCE) {
      const dirs = Array.from({ length: AT_ONCE }, (_, index) => path.join(root, `sealed-${round + index}`))
      const told = await Promise.all(dirs.map(dir => killOnce(dir, auditor().identities)))
      forwarded += told.reduce((sum, count) => sum + count, 0)
    }
    assert.ok(forwarded > SEALED_ROUNDS * 10, `${forwarded} commands`)
  })
})

describe('recovering a log', () => {
  it('cuts a torn line, says so, and leaves the lines before it as they were', async () => {
    const dir = path.join(root, 'torn')
    tellStory(logIn(dir).log)
    const whole = readFileSync(path.join(dir, 'events.jsonl'))
    appendFileSync(path.join(dir, 'events.jsonl'), `{"seq":17,"text":"${'x'.repeat(200_000)}`)
    assert.deepEqual(await recoverRunLog(dir), { isSealed: false, tornBytes: 200_018, bytes: whole.length })
    assert.deepEqual(readFileSync(path.join(dir, 'events.jsonl')), whole)
    assert.equal(existsSync(path.join(dir, '.reserve')), false)
    assert.deepEqual(await recoverRunLog(dir), { isSealed: false, tornBytes: 0, bytes: whole.length })
  })

  it('leaves nothing of a log that never had a whole line', async () => {
    const dir = path.join(root, 'first')
    logIn(dir)
    appendFileSync(path.join(dir, 'events.jsonl'), '{"seq":1')
    assert.deepEqual(await recoverRunLog(dir), { isSealed: false, tornBytes: 8, bytes: 0 })
  })

  it('does not touch a sealed recording', async () => {
    const dir = path.join(root, 'sealed')
    await sealedStory(dir)
    appendFileSync(path.join(dir, 'events.jsonl'), 'x')
    assert.equal((await recoverRunLog(dir)).isSealed, true)
    assert.ok(readFileSync(path.join(dir, 'events.jsonl'), 'utf8').endsWith('\nx'))
  })

  it('cannot recover what is not there', async () => {
    await assert.rejects(recoverRunLog(path.join(root, 'nothing')), { code: 'UNREADABLE' })
  })
})

/** Runs a writer, kills it, and holds its log against what it said. Returns how many commands it had let through. */
async function killOnce(dir: string, identities: readonly AgeIdentity[] | null = null): Promise<number> {
  const child = spawn(process.execPath, [writer, dir, identities === null ? 'plain' : 'sealed'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const died = once(child, 'exit')
  let said = ''
  child.stdout.setEncoding('utf8')
  // The moment is chosen in commands let through, with some time on top so that it falls anywhere between two system calls.
  const enough = 1 + Math.floor(Math.random() * 400)
  let isDoomed = false
  child.stdout.on('data', (text: string) => {
    said += text
    if (isDoomed || said.length < enough * 3) return
    isDoomed = true
    setTimeout(() => child.kill('SIGKILL'), Math.random() * 4)
  })
  await died
  const told = said.split('\n').slice(0, -1).map(Number)

  const text = readFileSync(path.join(dir, 'events.jsonl'), 'utf8')
  const torn = text.slice(text.lastIndexOf('\n') + 1)
  const lines = text.split('\n').slice(0, -1)
  const recorded = new Set<unknown>()
  const open = identities === null ? null : openKeys(readFileSync(path.join(dir, 'keys.age')), identities)
  for (const [index, line] of lines.entries()) {
    const stored = JSON.parse(line) as Record<string, unknown>
    const event = open === null ? stored : (JSON.parse(open(index + 1, String(stored['sealed'])) ?? 'null') as Record<string, unknown>)
    assert.equal(stored['seq'], index + 1)
    assert.equal(event['seq'], index + 1)
    if (event['kind'] === 'decision') recorded.add(event['command'])
  }
  assert.deepEqual(
    told.filter(command => !recorded.has(command)),
    [],
    'let through but not recorded',
  )

  const recovery = await recoverRunLog(dir)
  assert.equal(recovery.tornBytes, Buffer.byteLength(torn))
  for (const known of identities === null ? [{}] : [{}, { identities }]) {
    const report = await verifyRecording(dir, known)
    assert.equal(report.verdict, 'incomplete', report.wrong.join('; '))
    assert.equal(report.lines, lines.length)
  }
  rmSync(dir, { recursive: true })
  return told.length
}
