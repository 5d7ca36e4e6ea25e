// Plays every row of approval-attacks.jsonl against the stand-in of GitHub, with the real gate, desk and adapter.
import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { startShop } from '../../world/github/shop.ts'
import { onStage, plays, until, verdict, type Play } from './approval-plays.ts'
import { Stage } from './approval-stage.ts'
import type { CaseRow } from './case-row.ts'

const root = path.resolve(import.meta.dirname, '../..')
/** What an eligible approval may take to release a command. */
const MAX_RELEASE_MS = 15_000
const MAX_PLAY_MS = 90_000
/** Plays wait most of their time; more of them at once would only disturb one another. */
const MAX_AT_ONCE = 10

interface AttackRow {
  readonly id: string
  readonly attack: string
  readonly expected: string
}

/** Sentences that name a limit for the people who rely on the thing. */
const limits: Readonly<Record<string, RegExp>> = {
  'APR-007': /stolen token of an approver is that approver/i,
  'APR-045': /gateway's token is the job's token/i,
}

const more: Readonly<Record<string, Play>> = {
  'APR-088': async () => {
    // 10,000 answers of the list would be checked one by one against the description; that is not what is played here.
    const shop = await startShop()
    try {
      return await onStage({ shop }, async stage => {
        const waiting = await stage.ask()
        for (let times = 0; times < 5_000; times += 1) {
          stage.say(stage.shop.bot, waiting.approve, 'app')
          stage.say(stage.shop.bot, `noise ${times}`, 'app')
        }
        const startedMs = performance.now()
        stage.say(stage.shop.people.dana, waiting.approve)
        const outcome = await waiting.outcome
        const tookMs = performance.now() - startedMs
        const writes = shop.github.requests.filter(({ method }) => method !== 'GET').length
        return verdict(
          outcome === 'ran' && tookMs <= MAX_RELEASE_MS && writes < 200,
          'handled',
          `${outcome} after ${Math.round(tookMs)} ms, ${writes} writes`,
        )
      })()
    } finally {
      await shop.github.stop()
    }
  },
  'APR-091': onStage({}, async stage => {
    const { child, lines, asked } = await startChild(stage, {})
    child.kill('SIGKILL')
    await new Promise(resolve => child.once('exit', resolve))
    stage.say(stage.shop.people.dana, `/sallyport approve ${asked.code}`)
    // The next gateway of the same thread must not take it up either.
    const waiting = await stage.ask()
    await until(() => stage.shop.github.requests.filter(({ path: asked }) => asked.includes('/comments?')).length >= 2)
    const isHeld = waiting.isHeld()
    return verdict(lines.length === 1 && isHeld && stage.target.length === 0, 'denied', lines.join(' '))
  }),
  'APR-102': onStage({}, async stage => {
    // A forged event is all that a thief of the webhook secret can send; here nothing listens, and the event file is not evidence.
    const { child, lines, asked } = await startChild(stage, {
      GITHUB_EVENT_NAME: 'issue_comment',
      GITHUB_EVENT_PATH: path.join(root, 'package.json'),
    })
    const polls = (): number => stage.shop.github.requests.filter(({ path: asked }) => asked.includes('/comments?')).length
    await until(() => polls() >= 2)
    child.kill('SIGKILL')
    return verdict(lines.length === 1 && !asked.listens, 'not_counted', lines.join(' '))
  }),
  'APR-107': onStage({}, async stage => {
    const waiting = await stage.ask()
    const names = ['SALLYPORT_BREAK_GLASS', 'SALLYPORT_APPROVE', 'BREAK_GLASS', 'INPUT_BREAK-GLASS']
    for (const name of names) process.env[name] = 'true'
    const polls = (): number => stage.shop.github.requests.filter(({ path: asked }) => asked.includes('/comments?')).length
    await until(() => polls() >= 2)
    for (const name of names) delete process.env[name]
    const isHeld = waiting.isHeld()
    const readers = ['gateway/session', 'gateway/adapter/github-comment', 'gateway/policy'].flatMap(folder => environmentReaders(folder))
    return verdict(isHeld && stage.target.length === 0 && readers.length === 0, 'not_used', readers.join(' '))
  }),
}

/** Plays the rows, many at the same time; each has its own stand-in. */
export async function playApprovals(): Promise<readonly CaseRow[]> {
  const rows = readFileSync(path.join(import.meta.dirname, 'approval-attacks.jsonl'), 'utf8')
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => JSON.parse(line) as AttackRow)
  // The flood keeps the machine busy; it would make the deadlines of others a matter of luck.
  const [floods, others] = [rows.filter(({ id }) => id === 'APR-088'), rows.filter(({ id }) => id !== 'APR-088')]
  const acts = [playEligible, ...others.map(row => () => play(row))]
  const played: CaseRow[] = []
  const work = async (): Promise<void> => {
    for (let act = acts.shift(); act !== undefined; act = acts.shift()) played.push(await act())
  }
  await Promise.all(Array.from({ length: MAX_AT_ONCE }, work))
  for (const row of floods) played.push(await play(row))
  return played.toSorted((one, other) => (one.id < other.id ? -1 : 1))
}

async function play(row: AttackRow): Promise<CaseRow> {
  const { id, expected } = row
  const limit = limits[id]
  if (expected === 'documented_limit') {
    const pages = ['docs/approvals.md', 'docs/security-model.md'].filter(
      page => limit?.test(readFileSync(path.join(root, page), 'utf8')) === true,
    )
    return rowOf(id, expected, pages.length > 0 ? expected : 'undocumented', pages.join(' '))
  }
  const act = plays[id] ?? more[id]
  if (act === undefined) return rowOf(id, expected, 'not played', row.attack)
  const { got, note } = await bounded(act)
  return rowOf(id, expected, got, note === '' ? row.attack : note)
}

/** The other side of the coin: an answer that does count, in time. */
async function playEligible(): Promise<CaseRow> {
  const { got, note } = await bounded(
    onStage({}, async stage => {
      const waiting = await stage.ask()
      const startedMs = performance.now()
      stage.say(stage.shop.people.dana, waiting.approve.toLowerCase())
      const outcome = await waiting.outcome
      const tookMs = Math.round(performance.now() - startedMs)
      const isFine = outcome === 'ran' && tookMs <= MAX_RELEASE_MS && stage.target.join() === 'DELETE FROM carts'
      return { got: isFine ? 'released' : 'otherwise', note: `${outcome} after ${tookMs} ms` }
    }),
  )
  return rowOf('APR-000', 'released', got, note)
}

async function bounded(act: Play): Promise<{ readonly got: string; readonly note: string }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<{ got: string; note: string }>(resolve => {
    timer = setTimeout(() => resolve({ got: 'never ended', note: '' }), MAX_PLAY_MS)
  })
  try {
    return await Promise.race([act(), late])
  } catch (error) {
    return { got: 'failed', note: String(error) }
  } finally {
    clearTimeout(timer)
  }
}

function rowOf(id: string, expected: string, got: string, note: string): CaseRow {
  return { id, expected, got, ok: got === expected, note }
}

async function startChild(
  stage: Stage,
  environment: Readonly<Record<string, string>>,
): Promise<{
  readonly child: ChildProcess
  readonly lines: string[]
  readonly asked: { readonly code: string; readonly listens: boolean }
}> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'approval-gateway.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...environment, GITHUB_API_URL: stage.shop.github.url, GITHUB_TOKEN: stage.shop.workflowToken },
  })
  const lines: string[] = []
  const first = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', line => {
      lines.push(line)
      resolve(line)
    })
    child.once('exit', () => reject(new Error('the child ended before it asked')))
  })
  return { child, lines, asked: JSON.parse(await first) as { code: string; listens: boolean } }
}

/** Files that would see what an earlier step put into the environment. */
function environmentReaders(folder: string): readonly string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => path.join(entry.parentPath, entry.name))
    .filter(file => /\bprocess\s*\.\s*env\b/.test(readFileSync(file, 'utf8')))
}
