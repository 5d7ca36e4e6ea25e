// nginx as a reverse proxy with the API server's credential: what a user would put there for speed alone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { freePort, isListening } from '../world/loopback-port.ts'
import { makeCertificates } from '../world/tls/certificates.ts'

const program = '/usr/sbin/nginx'

export interface Nginx {
  readonly port: number
  /** Of the master and its workers. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** null where nginx is not installed: its column stays empty then. */
export async function startNginx(target: { readonly port: number; readonly ca: string; readonly token: string }): Promise<Nginx | null> {
  if (!existsSync(program)) return null
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-nginx-'))
  const own = makeCertificates(['127.0.0.1'])
  for (const [name, text] of Object.entries({ crt: own.certificate, key: own.key, ca: target.ca }))
    writeFileSync(path.join(dir, name), text)
  const port = await freePort()
  writeFileSync(
    path.join(dir, 'conf'),
    `daemon off; worker_processes 2; pid ${dir}/pid; error_log ${dir}/error;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 100000000;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  upstream api { server 127.0.0.1:${target.port}; keepalive 32; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} ssl; ssl_certificate ${dir}/crt; ssl_certificate_key ${dir}/key;
    location / {
      proxy_pass https://api; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Authorization "Bearer ${target.token}";
      proxy_buffering off; proxy_ssl_verify on; proxy_ssl_trusted_certificate ${dir}/ca; proxy_ssl_name localhost;
    }
  }
}
`,
  )
  const child = spawn(program, ['-p', dir, '-c', path.join(dir, 'conf'), '-e', path.join(dir, 'error')], { stdio: 'ignore' })
  for (let attempt = 0; attempt < 100 && !(await isListening(port)); attempt++) await new Promise(resolve => setTimeout(resolve, 50))
  const workers = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim().split(' ')
  return {
    port,
    pids: [child.pid ?? 0, ...workers.map(Number)],
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      rmSync(dir, { recursive: true })
    },
  }
}
