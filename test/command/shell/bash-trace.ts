// What bash really runs: lines in a folder of made-up programs that only leave their name behind.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** For each line, the made-up programs that ran, in order. */
export async function programsThatBashRuns(lines: readonly string[], programs: readonly string[]): Promise<readonly (readonly string[])[]> {
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
      const child = spawn('bash', ['-c', line], {
        cwd: dir,
        env: { PATH: `${bin}:/usr/bin:/bin`, TRACE: trace, LC_ALL: 'C.UTF-8' },
        stdio: 'ignore',
      })
      await once(child, 'exit')
      ran.push(readFileSync(trace, 'utf8').split('\n').slice(0, -1))
    }
    return ran
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
