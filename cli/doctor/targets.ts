// Checks of the targets: they can be reached (E07), and a PostgreSQL server shows a certificate that is trusted (E08).
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import type { Connection } from '../../gateway/core/connection.ts'
import type { ConnectionEntry, PolicyFile } from '../../gateway/policy/policy-file.ts'
import type { Finding } from './finding.ts'

const WITHIN_MS = 5_000
/** PostgreSQL manual 55.7 "SSLRequest": int32 length 8, int32 80877103. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

export async function checkTargets(policy: PolicyFile): Promise<readonly Finding[]> {
  const all = await Promise.all([...policy.connections.values()].map(entry => checkTarget(entry, policy)))
  return all.flat()
}

async function checkTarget(entry: ConnectionEntry, policy: PolicyFile): Promise<readonly Finding[]> {
  const { connection } = entry
  const what = `target of ${connection.name}`
  const socket = net.connect({ host: connection.host, port: connection.port })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(WITHIN_MS) })
  } catch {
    socket.destroy()
    const fix = 'hosted runners are outside your network: use a self-hosted runner, or join the network in an earlier step'
    return [{ id: 'E07', what, state: 'bad', words: `${connection.host}:${connection.port} cannot be reached from here`, fix }]
  }
  const reached: Finding = { id: 'E07', what, state: 'fine', words: `${connection.host}:${connection.port} can be reached`, fix: null }
  try {
    if (connection.protocol !== 'postgres' || connection.tls.mode === 'disable') return [reached]
    return [reached, await checkCertificate(what, connection, authorityOf(entry, policy), socket)]
  } finally {
    socket.destroy()
  }
}

async function checkCertificate(what: string, connection: Connection, ca: string | null, socket: net.Socket): Promise<Finding> {
  const bad = (words: string, fix: string): Finding => ({ id: 'E08', what, state: 'bad', words, fix })
  try {
    const signal = AbortSignal.timeout(WITHIN_MS)
    socket.write(SSL_REQUEST)
    const [answer]: unknown[] = await once(socket, 'data', { signal })
    if (!Buffer.isBuffer(answer) || answer.toString('latin1') !== 'S')
      return bad('the server offers no TLS', 'turn TLS on at the server, or set tls: disable where the network is trusted')
    if (connection.tls.mode === 'require')
      return { id: 'E08', what, state: 'fine', words: 'it speaks TLS; tls: require checks no certificate', fix: null }
    const servername = net.isIP(connection.host) === 0 ? { servername: connection.host } : {}
    const checkName = connection.tls.mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }
    const secure = tls.connect({ socket, host: connection.host, ...servername, ...checkName, ...(ca === null ? {} : { ca }) })
    await once(secure, 'secureConnect', { signal })
    secure.destroy()
    return { id: 'E08', what, state: 'fine', words: 'its certificate is trusted', fix: null }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no reason given'
    return bad(
      `its certificate is not trusted (${code})`,
      'set tls: { mode: verify-full, ca: FILE }, or use a name of the certificate as the address',
    )
  }
}

function authorityOf({ authority }: ConnectionEntry, policy: PolicyFile): string | null {
  if (authority === null) return null
  if (authority.kind === 'pem') return authority.text
  try {
    return readFileSync(path.resolve(path.dirname(policy.name), authority.path), 'utf8')
  } catch {
    return null
  }
}
