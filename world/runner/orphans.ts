// What a job leaves running: GitHub's runner knows it by RUNNER_TRACKING_ID in its environment, and ends it after the post steps.
import { readdirSync, readFileSync } from 'node:fs'

/** Ends all processes of the job that are left; returns their command lines. */
export function sweepOrphans(trackingId: string): readonly string[] {
  return readdirSync('/proc').flatMap(name => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid || !textOf(pid, 'environ').includes(`\0RUNNER_TRACKING_ID=${trackingId}\0`)) return []
    const command = textOf(pid, 'cmdline').replaceAll('\0', ' ').trim()
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      return []
    }
    return [command]
  })
}

function textOf(pid: number, file: string): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/${file}`, 'utf8')}`
  } catch {
    return ''
  }
}
