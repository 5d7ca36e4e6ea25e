// How long a replay page of 20,000 statements takes in Chromium: until its commands can be read, and until it has checked itself.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { openRunLog } from '../gateway/record/run-log.ts'
import { findBrowser, startBrowser } from '../test/viewer/browser.ts'
import { StepClock } from '../world/recording/sample-run.ts'

const STATEMENTS = 20_000
const ROUNDS = 5

interface Opening {
  readonly readableMs: number
  readonly checkedMs: number
  readonly searchMs: number
  readonly elements: number
}

export async function benchReplayPage(): Promise<void> {
  const executable = findBrowser()
  if (executable === null) {
    console.log('replay page: there is no Chromium on this machine')
    return
  }
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-page-bench-'))
  const browser = await startBrowser(executable)
  try {
    const page = await pageOf(path.join(dir, 'run'))
    const rounds: Opening[] = []
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await opened(browser, page))
    console.log(
      `\nreplay page, ${STATEMENTS} statements, ${(statSync(page).size / 2 ** 20).toFixed(1)} MiB, ${ROUNDS} openings, median (worst)`,
    )
    for (const [name, of] of [
      ['commands can be read', ({ readableMs }: Opening) => readableMs],
      ['checked itself', ({ checkedMs }: Opening) => checkedMs],
      ['search answers', ({ searchMs }: Opening) => searchMs],
    ] as const) {
      const sorted = rounds.map(of).toSorted((one, other) => one - other)
      console.log(`  ${name.padEnd(22)} ${ms(sorted[ROUNDS >> 1])} (${ms(sorted.at(-1))})`)
    }
    console.log(`  elements in the document ${rounds[0]?.elements ?? 0}`)
  } finally {
    await browser.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** A run of short statements with one row each, as a migration or an application makes them. */
async function pageOf(dir: string): Promise<string> {
  const clock = new StepClock()
  const log = openRunLog({ dir, origin: 'bench/run', clock })
  const policy = { digest: 'sha256:0', source: 'sallyport.yml' }
  const gateway = { version: '0', isolation: 'user' }
  log.commit(null, [{ kind: 'run.open', run: {}, identity: {}, policy, connections: [], gateway, key: log.key }], 'written')
  log.commit('s-1', [{ kind: 'session.open', connection: 'orders-db', protocol: 'postgres', client: 'psql', user: 'ci' }], 'written')
  const read = { verb: 'select', effects: ['read'], resources: ['public.orders'], certainty: 'parsed', doubt: null, values: [] }
  for (let command = 1; command <= STATEMENTS; command += 1) {
    const text = `SELECT id, state, total FROM public.orders WHERE id = ${command} AND state <> 'shipped'`
    log.commit(
      's-1',
      [
        { kind: 'command', command, connection: 'orders-db', text, ...read },
        { kind: 'decision', command, outcome: command % 50 === 0 ? 'deny' : 'allow', rule: 'reads', because: null },
      ],
      'written',
    )
    log.append('s-1', { kind: 'rows', command, columns: ['id', 'state', 'total'], rows: [[String(command), 'open', '12.50']], omitted: 0 })
    log.append('s-1', { kind: 'result', command, tag: 'SELECT 1', rows: 1, durationMs: 0.7 })
    clock.pass(3)
  }
  await log.seal({ reason: 'finished' })
  return path.join(dir, 'replay.html')
}

async function opened(browser: Browser, file: string): Promise<Opening> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const startedMs = performance.now()
  await page.goto(pathToFileURL(file).href, { waitUntil: 'commit' })
  await page.locator('#count', { hasText: `${STATEMENTS} commands` }).waitFor()
  const readableMs = performance.now() - startedMs
  await page.locator('#badge[data-verdict="intact"]').waitFor()
  const checkedMs = performance.now() - startedMs
  const elements = await page.locator('*').count()
  const searchedMs = performance.now()
  await page.fill('#search', 'id = 19999')
  await page.locator('#count', { hasText: `1 of ${STATEMENTS} commands` }).waitFor()
  const searchMs = performance.now() - searchedMs
  await context.close()
  return { readableMs, checkedMs, searchMs, elements }
}

function ms(value = 0): string {
  return `${String(Math.round(value)).padStart(5)} ms`
}
