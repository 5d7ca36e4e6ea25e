// One thread of the fuzzer: plays every n-th input and shows which one it is at, so that somebody sees when it stays there.
import { parentPort, workerData } from 'node:worker_threads'
import { playRange } from './play-range.ts'

export interface ThreadOrder {
  readonly seed: number
  readonly first: number
  readonly step: number
  readonly end: number
  /** [0]: the input under way. */
  readonly at: Int32Array
}

const { seed, first, step, end, at } = workerData as ThreadOrder
Error.stackTraceLimit = 3

function* numbers(): Iterable<number> {
  for (let input = first; input < end; input += step) yield input
}

const tally = await playRange(seed, numbers(), input => Atomics.store(at, 0, input))
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage(tally)
