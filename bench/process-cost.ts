// What a process has cost so far, as the kernel counts it (Linux only).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Microseconds on a processor, all threads. */
export function cpuUs(pid: number): number {
  let ns = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0])
    } catch {
      // The thread ended while we looked.
    }
  }
  return ns / 1000
}

/** Resident memory in megabytes. */
export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024
}

/** Forgets the high water of resident memory, so that `highestMb` tells of what comes. */
export function forgetHighest(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** High water of resident memory in megabytes. */
export function highestMb(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024
}
