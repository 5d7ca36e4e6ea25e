// What real shells do with lines: which programs they run, in a folder of made-up ones that only leave their name behind, and which words they give.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'

/** For each line, the made-up programs that ran, in order. */
export async function programsThatRun(
  shell: 'bash' | 'dash',
  lines: readonly string[],
  programs: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-bash-'))
  try {
    const bin = path.join(dir, 'bin')
    mkdirSync(bin)
    for (const program of programs) {
      writeFileSync(path.join(bin, program), `#!/bin/sh\necho ${program} >> "$TRACE"\n`)
      chmodSync(path.join(bin, program), 0o755)
    }
    const ran: string[][] = []
    for (const [index, line] of lines.entries()) {
      const trace = path.join(dir, `trace-${index}`)
      writeFileSync(trace, '')
      const child = spawn(shell, ['-c', line], {
        cwd: dir,
        env: { PATH: `${bin}:/usr/bin:/bin`, TRACE: trace, LC_ALL: 'C.UTF-8' },
        // What the line leaves in the background holds the last one open for as long as it runs, and is waited for.
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      })
      const held = child.stdio[3]
      if (held instanceof Readable) held.resume()
      await once(child, 'close')
      ran.push(readFileSync(trace, 'utf8').split('\n').slice(0, -1))
    }
    return ran
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** For each list of words as they are written, what bash gives to a program; many lists to one bash, so that thousands can be compared. */
export function wordsOfBash(lists: readonly string[]): readonly (readonly string[])[] {
  const script = lists.map(list => `printf '%s\\0' ${list}\nprintf '\\1\\0'\n`).join('')
  const said = execFileSync('bash', { input: script, env: { LC_ALL: 'C.UTF-8' }, maxBuffer: 64 * 1024 * 1024 }).toString()
  return said
    .split('\u0001\0')
    .slice(0, -1)
    .map(words => words.split('\0').slice(0, -1))
}
