// `npm run fuzz -- --inputs 1000000`: mutated bytes of real clients through real sessions of the engine, in this process.
// Prints its seed; `--seed S --only N` plays one input of it again, with its stack.
import { randomInt } from 'node:crypto'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { loadSqlParser } from '../../gateway/command/sql/parser.ts'
import { playInput } from './play-input.ts'
import { MAX_INPUT_MS } from './play-range.ts'
import type { Tally } from './play-range.ts'
import type { ThreadOrder } from './thread.ts'

/** An input that is still the same one after so long hangs. */
const HANG_MS = 10_000

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: `${randomInt(1, 0x7fff_ffff)}` },
    threads: { type: 'string', default: `${Math.max(1, Math.min(4, os.availableParallelism()))}` },
    only: { type: 'string' },
  },
})
const [inputs, seed, threads] = [values.inputs, values.seed, values.threads].map(Number) as [number, number, number]

if (values.only !== undefined) {
  await loadSqlParser()
  print(JSON.stringify(await playInput(seed, Number(values.only)), null, 2))
  process.exit(0)
}
const startedMs = performance.now()
print(`seed ${seed}, ${inputs} inputs, ${threads} threads`)
const tallies = await Promise.all(Array.from({ length: threads }, (_, first) => play(first)))
const problems = tallies.flatMap(tally => tally.problems)
const longest = tallies.reduce((one, other) => (one.longestMs > other.longestMs ? one : other))
const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0)
print(`
| inputs | statements admitted | statements the target ran | longest input (processor) | problems | time |
|--:|--:|--:|--:|--:|--:|
| ${sum(one => one.inputs)} | ${sum(one => one.admitted)} | ${sum(one => one.ran)} | ${longest.longestMs.toFixed(1)} ms (input ${longest.longestInput}; at most ${MAX_INPUT_MS}) | ${problems.length} | ${Math.round((performance.now() - startedMs) / 1000)} s |`)
for (const { input, problem } of problems.slice(0, 20)) print(`- input ${input}: ${problem}`)
process.exit(problems.length === 0 ? 0 : 1)

function print(words: string): void {
  process.stdout.write(`${words}\n`)
}

async function play(first: number): Promise<Tally> {
  const at = new Int32Array(new SharedArrayBuffer(4)).fill(-1)
  const order: ThreadOrder = { seed, first, step: threads, end: inputs, at }
  const thread = new Worker(path.join(import.meta.dirname, 'thread.ts'), { workerData: order })
  return new Promise((resolve, reject) => {
    let seen = { input: -1, since: performance.now() }
    const watch = setInterval(() => {
      const input = Atomics.load(at, 0)
      if (input !== seen.input) seen = { input, since: performance.now() }
      else if (input >= 0 && performance.now() - seen.since > HANG_MS) end(`it hangs for ${HANG_MS / 1000} s`)
    }, 500)
    const end = (problem: string): void => {
      clearInterval(watch)
      const input = Atomics.load(at, 0)
      void thread.terminate()
      resolve({ inputs: input, admitted: 0, ran: 0, longestMs: HANG_MS, longestInput: input, problems: [{ input, problem }] })
    }
    thread.once('message', (tally: Tally) => {
      clearInterval(watch)
      resolve(tally)
    })
    thread.once('error', error => end(`it ends its thread: ${error instanceof Error ? error.message : 'no reason'}`))
    thread.once('exit', () => reject(new Error('a thread ended without an answer')))
  })
}
