// pgbouncer in session mode in front of the benchmark's server: what a user would put there without a gateway.
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { once } from 'node:events'
import { freePort, isListening } from '../world/loopback-port.ts'

const program = '/usr/sbin/pgbouncer'

export interface Bouncer {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

/** null where pgbouncer is not installed: the column stays empty then. */
export async function startBouncer(target: { port: number; user: string; password: string; database: string }): Promise<Bouncer | null> {
  if (!existsSync(program)) return null
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-bouncer-'))
  const port = await freePort()
  chmodSync(dir, 0o755)
  writeFileSync(path.join(dir, 'users'), `"${target.user}" "${target.password}"\n`)
  writeFileSync(
    path.join(dir, 'ini'),
    [
      '[databases]',
      `${target.database} = host=127.0.0.1 port=${target.port} dbname=${target.database}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'auth_type = scram-sha-256',
      `auth_file = ${path.join(dir, 'users')}`,
      'pool_mode = session',
      'default_pool_size = 50',
      'unix_socket_dir =',
      'ignore_startup_parameters = extra_float_digits',
    ].join('\n'),
  )
  const child = spawn(program, ['-q', path.join(dir, 'ini')], {
    stdio: 'ignore',
    ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
  })
  for (let attempt = 0; attempt < 100 && !(await isListening(port)); attempt++) await new Promise(resolve => setTimeout(resolve, 50))
  return {
    port,
    pid: child.pid ?? 0,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      rmSync(dir, { recursive: true })
    },
  }
}
