// Throw-away certificates for loopback servers: an authority and one server certificate, made by the openssl command.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

export interface Certificates {
  /** PEM of the authority. */
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

/** @param names DNS names and IP addresses of the certificate, the first one is its common name. */
export function makeCertificates(names: readonly string[]): Certificates {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-tls-'))
  const run = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' })
  }
  const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  try {
    run('req', '-x509', ...elliptic, '-days', '30', '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=Sallyport test authority')
    run('req', ...elliptic, '-keyout', 'server.key', '-out', 'server.csr', '-subj', `/CN=${names[0] ?? ''}`)
    const alternatives = names.map(name => `${net.isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',')
    writeFileSync(path.join(dir, 'extensions'), `subjectAltName=${alternatives}\n`)
    run(
      'x509',
      '-req',
      '-in',
      'server.csr',
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '30',
      '-out',
      'server.crt',
      '-extfile',
      'extensions',
    )
    const read = (name: string): string => readFileSync(path.join(dir, name), 'utf8')
    return { ca: read('ca.crt'), certificate: read('server.crt'), key: read('server.key') }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
