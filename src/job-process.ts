// The process whose end is the end of the job: GitHub's worker, by which the gateway knows that nobody will ask it to finish.
import { readFileSync } from 'node:fs'

const WORKER = 'Runner.Worker'
/** Programs that start a step's process and end with it; of a runner other than GitHub's, the first that is none of them counts. */
const wrappers = new Set(['sh', 'bash', 'dash', 'busybox', 'env', 'sudo', 'su', 'runuser', 'setpriv', 'timeout', 'nice', 'script'])

interface Ancestor {
  readonly pid: number
  readonly name: string
}

/** The pid to watch. In a job container the parent stands outside its process tree: there, pid 1 ends with the container. */
export function jobProcess(
  parent: number = process.ppid,
  lookUp: (pid: number) => { name: string; parent: number } | null = fromProc,
): number {
  const ancestors: Ancestor[] = []
  for (let pid = parent; pid > 1 && ancestors.length < 64;) {
    const found = lookUp(pid)
    if (found === null) break
    ancestors.push({ pid, name: found.name })
    pid = found.parent
  }
  const worker = ancestors.find(({ name }) => name === WORKER) ?? ancestors.find(({ name }) => !wrappers.has(name)) ?? ancestors.at(-1)
  return worker?.pid ?? (parent > 1 ? parent : 1)
}

/** Name and parent by /proc/PID/stat; null where there is none (other platforms, ended processes). */
function fromProc(pid: number): { name: string; parent: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const end = stat.lastIndexOf(')')
    return { name: stat.slice(stat.indexOf('(') + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1]) }
  } catch {
    return null
  }
}
