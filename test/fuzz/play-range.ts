// Plays inputs one after the other and adds up what came of them. The processor time of each is its thread's own.
import { loadSqlParser } from '../../gateway/command/sql/parser.ts'
import { playInput } from './play-input.ts'

/** One input may cost this much of a processor. */
export const MAX_INPUT_MS = 100

export interface Tally {
  inputs: number
  admitted: number
  ran: number
  longestMs: number
  longestInput: number
  readonly problems: { readonly input: number; readonly problem: string }[]
}

/** @param onInput told the number of each input before it is played. */
export async function playRange(seed: number, inputs: Iterable<number>, onInput: (input: number) => void = () => {}): Promise<Tally> {
  await loadSqlParser()
  const tally: Tally = { inputs: 0, admitted: 0, ran: 0, longestMs: 0, longestInput: 0, problems: [] }
  for (const input of inputs) {
    onInput(input)
    let ms = await play(seed, input, tally)
    // The compiler and the collector of garbage strike anywhere: what is slow each time is slow.
    for (let again = 0; again < 3 && ms > MAX_INPUT_MS; again++) ms = Math.min(ms, await play(seed, input, null))
    if (ms > MAX_INPUT_MS) tally.problems.push({ input, problem: `it takes ${Math.round(ms)} ms` })
    if (ms > tally.longestMs) {
      tally.longestMs = ms
      tally.longestInput = input
    }
  }
  return tally
}

async function play(seed: number, input: number, tally: Tally | null): Promise<number> {
  const before = process.threadCpuUsage()
  const { problem, admitted, ran } = await playInput(seed, input)
  const { user, system } = process.threadCpuUsage(before)
  if (tally !== null) {
    tally.inputs += 1
    tally.admitted += admitted
    tally.ran += ran
    if (problem !== null) tally.problems.push({ input, problem })
  }
  return (user + system) / 1000
}
