// What runs in a pod of the stand-in: a real process of this machine in a folder of its own, on a pseudo-terminal where one is asked for.
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'

export interface PodProcess {
  write(bytes: Buffer): void
  endInput(): void
  end(): void
}

export interface PodEvents {
  output(stream: 'stdout' | 'stderr', bytes: Buffer): void
  exit(code: number): void
}

const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`

/** @param folder the container's working directory. */
export function startInPod(argv: readonly string[], isTerminal: boolean, folder: string, events: PodEvents): PodProcess {
  const [program = 'false', ...args] = isTerminal ? ['script', '-qefc', argv.map(quoted).join(' '), '/dev/null'] : argv
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, SHELL: '/bin/sh', PS1: '$ ', TERM: 'dumb' }
  const child: ChildProcessWithoutNullStreams = spawn(program, args, { cwd: folder, env })
  child.stdout.on('data', (bytes: Buffer) => events.output('stdout', bytes))
  child.stderr.on('data', (bytes: Buffer) => events.output('stderr', bytes))
  child.stdin.on('error', () => undefined)
  let isOver = false
  const exit = (code: number): void => {
    if (!isOver) events.exit(code)
    isOver = true
  }
  child.once('error', () => exit(126))
  child.once('close', code => exit(code ?? 137))
  return {
    write: bytes => void child.stdin.write(bytes),
    endInput: () => void child.stdin.end(),
    end: () => void child.kill('SIGKILL'),
  }
}
