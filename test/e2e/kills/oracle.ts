// Holds a recording against what the target and the clients really saw, byte by byte. Throws where something is missing.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { recoverRunLog } from '../../../gateway/record/recover.ts'
import { verifyRecording } from '../../../gateway/record/verify-recording.ts'
import type { S3Server } from '../../../world/s3/server.ts'
import type { Round } from './kill-round.ts'
import { cellsIn, readSpoken, textIn, valuesIn } from './spoken.ts'
import type { Spoken } from './spoken.ts'

interface Recorded {
  readonly text: string
  readonly values: readonly (string | null)[]
  readonly number: number
  isReleased: boolean
  rows: readonly (readonly (string | null)[])[]
  tag: string | null
}

export interface Held {
  /** Commands that the target saw, whole or in part. */
  readonly forwarded: number
  readonly forwardedBytes: number
  /** Result rows that clients saw. */
  readonly rowsSeen: number
  /** True when a line of the log, or a note of its checkpoints, ends in the middle. */
  readonly isTorn: boolean
}

/** @throws {AssertionError} naming what the target or a client saw and the recording does not have. */
export async function holdAgainst(round: Round, s3: S3Server): Promise<Held> {
  const before = readFileSync(path.join(round.out, 'events.jsonl'))
  const { isSealed, tornBytes } = await recoverRunLog(round.out)
  const log = readFileSync(path.join(round.out, 'events.jsonl'))
  assert.deepEqual(before.subarray(0, log.length), log)
  assert.equal(before.length - log.length, tornBytes)
  assert.ok(!before.subarray(log.length).includes('\n'), 'more than one line is torn')
  assert.ok(!log.includes('@canary.example'), 'the log holds what the client may not see')
  const notes = readFileSync(path.join(round.out, 'checkpoints'), 'utf8')
  const report = await verifyRecording(round.out)
  assert.equal(report.verdict, isSealed ? 'intact' : 'incomplete', report.wrong.join('; '))
  const sessions = sessionsIn(log.toString('utf8'))
  let [forwarded, forwardedBytes, rowsSeen] = [0, 0, 0]
  for (const { sent, received } of round.atTarget) {
    const { startup, messages } = readSpoken(sent(), true)
    const name = startup.get('application_name') ?? ''
    // The gateway's own connection, for the catalog: nothing of a client is on it.
    if (name === 'sallyport' || messages.every(({ type }) => type === 'p')) continue
    const commands = sessions.get(name) ?? []
    const requests = requestsIn(clientOf(round, name))
    forwarded += holdTarget(name, messages, commands, requests)
    forwardedBytes += sent().length
    assert.ok(received().length > 0)
  }
  for (const client of round.atClients) {
    const { startup } = readSpoken(client.sent(), true)
    const name = startup.get('application_name') ?? ''
    assert.ok(!client.received().includes('@canary.example'), 'the client saw what was masked')
    rowsSeen += holdClient(name, client.received(), sessions.get(name) ?? [], requestsIn(client.sent()))
  }
  holdSinks(round, before, s3)
  return { forwarded, forwardedBytes, rowsSeen, isTorn: tornBytes > 0 || (notes.length > 0 && !notes.endsWith('\n')) }
}

/** Every message with a command is in the log, whole where the target saw only its first bytes, in the same order, and was let through. */
function holdTarget(name: string, messages: readonly Spoken[], commands: readonly Recorded[], requests: readonly Spoken[]): number {
  const statements = new Map<string, string>()
  let next = 0
  const take = (text: string, values: readonly (string | null)[] | null): void => {
    const command = commands[next]
    assert.ok(command !== undefined, `${name}: the target saw ${text}, the log ends with ${commands.at(-1)?.text ?? 'nothing'}`)
    assert.ok(command.isReleased, `${name}: the target saw ${text}, which nobody approved`)
    if (values !== null) assert.deepEqual(command.values, values, `${name}: ${text}`)
    next += 1
  }
  for (const message of messages) {
    if (message.type === 'Q') {
      for (let rest = textIn(message); rest !== '';) {
        const text = commands[next]?.text ?? ''
        const isFirstPart = !message.isWhole && text.startsWith(rest)
        assert.ok(text !== '' && (rest.startsWith(text) || isFirstPart), `${name}: the target saw ${rest}, the log has ${text}`)
        take(text, [])
        rest = isFirstPart ? '' : rest.slice(text.length).replace(/^\s*;\s*/, '')
      }
    } else if (message.type === 'P') {
      const text = textIn(message)
      assert.ok(
        commands.slice(next).some(command => (message.isWhole ? command.text === text : command.text.startsWith(text))),
        `${name}: the target saw ${text}`,
      )
      statements.set(nameIn(message, 5), text)
    } else if (message.type === 'B') {
      // Of a part, the whole is what the client had sent.
      const whole = message.isWhole
        ? message
        : requests.find(
            ({ type, bytes }) => type === 'B' && bytes.subarray(0, message.bytes.length).equals(message.bytes) && isAhead(bytes),
          )
      assert.ok(whole !== undefined, `${name}: the target saw bytes that no client sent`)
      const text = statements.get(nameIn(whole, whole.bytes.indexOf(0, 5) + 1)) ?? ''
      assert.equal(commands[next]?.text, text, name)
      take(text, valuesIn(whole))
    } else assert.ok('pDESXH'.includes(message.type), `${name}: a message ${message.type}`)
  }
  return next

  /** Not one of those that the target had whole before. */
  function isAhead(bytes: Buffer): boolean {
    return !messages.some(message => message.isWhole && message.bytes.equals(bytes))
  }
}

/** What a client saw of a command is what the log says, and all of it is there that came before its next command. */
function holdClient(name: string, received: Buffer, commands: readonly Recorded[], requests: readonly Spoken[]): number {
  const { messages } = readSpoken(received, false)
  const login = messages.findIndex(({ type }) => type === 'Z')
  if (login < 0) return 0
  const seen: { tag: string; rows: (string | null)[][] }[] = []
  let rows: (string | null)[][] = []
  let rowsSeen = 0
  for (const message of messages.slice(login + 1)) {
    if (!message.isWhole) break
    if (message.type === 'D') rows.push(cellsIn(message))
    if (message.type === 'C') {
      seen.push({ tag: message.bytes.toString('utf8', 5, message.bytes.length - 1), rows })
      rows = []
    }
  }
  for (const [index, { tag, rows: cells }] of seen.entries()) {
    const command = commands[index]
    assert.ok(command !== undefined, `${name}: the client saw ${tag}, which is of no command in the log`)
    rowsSeen += cells.length
    if (command.tag === null) continue
    assert.equal(command.tag, tag, `${name}: ${command.text}`)
    assert.deepEqual(command.rows, cells, `${name}: ${command.text}`)
  }
  const [last] = commands.slice(seen.length)
  if (last !== undefined && last.tag !== null) assert.deepEqual(last.rows.slice(0, rows.length), rows, `${name}: ${last.text}`)
  const sizes = requests
    .filter(({ type }) => 'QB'.includes(type))
    .map(request => (request.type === 'B' ? 1 : textIn(request).split('; ').length))
  let settled = 0
  for (const size of sizes) {
    if (settled + size >= commands.length) break
    settled += size
  }
  for (const command of commands.slice(0, settled)) assert.ok(command.tag !== null, `${name}: the end of ${command.text} is not in the log`)
  return rowsSeen
}

/** What has arrived in a sink is the log, from its start, byte by byte. */
function holdSinks({ audit }: Round, log: Buffer, s3: S3Server): void {
  const [run] = readdirSync(audit).filter(entry => !entry.startsWith('.'))
  const gathered = run === undefined ? '' : path.join(audit, run, 'events.jsonl')
  if (existsSync(gathered)) {
    const copy = readFileSync(gathered)
    assert.deepEqual(copy, log.subarray(0, copy.length), 'the folder has other bytes than the log')
  }
  const id = /"id":"([^"]+)"/.exec(log.toString('utf8'))?.[1] ?? 'none'
  let at = 0
  for (const name of [...s3.objects.keys()].filter(name => name.startsWith(`kills/${id}/events/`) && name.endsWith('.jsonl')).toSorted()) {
    const { bytes } = s3.objects.get(name)![0]!
    assert.deepEqual(bytes, log.subarray(at, at + bytes.length), 'the bucket has other bytes than the log')
    at += bytes.length
  }
}

/** Commands by the name that the client gave itself. */
function sessionsIn(log: string): ReadonlyMap<string, readonly Recorded[]> {
  const names = new Map<unknown, string>()
  const sessions = new Map<string, Recorded[]>()
  const commands = new Map<unknown, Recorded>()
  for (const line of log.split('\n').slice(0, -1)) {
    const event = JSON.parse(line) as Record<string, unknown>
    const command = commands.get(event['command'])
    if (event['kind'] === 'session.open') names.set(event['session'], event['client'] as string)
    if (event['kind'] === 'command') {
      const { command: number, text, values } = event as unknown as { command: number; text: string; values: string[] }
      const recorded: Recorded = { text, values, number, isReleased: false, rows: [], tag: null }
      commands.set(number, recorded)
      const name = names.get(event['session']) ?? ''
      sessions.set(name, [...(sessions.get(name) ?? []), recorded])
    }
    if (command === undefined) continue
    if (event['kind'] === 'decision') command.isReleased = event['outcome'] === 'allow'
    if (event['kind'] === 'answer') command.isReleased ||= event['outcome'] === 'approved'
    if (event['kind'] === 'rows') command.rows = event['rows'] as string[][]
    if (event['kind'] === 'result') command.tag = event['tag'] as string
  }
  return sessions
}

function requestsIn(sent: Buffer): readonly Spoken[] {
  return readSpoken(sent, true).messages
}

function clientOf(round: Round, name: string): Buffer {
  for (const { sent } of round.atClients) if (readSpoken(sent(), true).startup.get('application_name') === name) return sent()
  return Buffer.alloc(0)
}

function nameIn({ bytes }: Spoken, start: number): string {
  return bytes.toString('utf8', start, bytes.indexOf(0, start))
}
