// A TLS connection to a host through a proxy's CONNECT. The proxy sees host and port, never what is sent.
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { HttpFailure } from '../../core/http.ts'

/** @throws {HttpFailure} when the proxy refuses; errors of TLS as Node raises them. */
export async function openTunnel(proxy: URL, target: URL, ca: string | null, signal: AbortSignal): Promise<TLSSocket> {
  const port = target.port === '' ? '443' : target.port
  const authority = `${target.hostname}:${port}`
  const socket = await connect(proxy, authority, signal)
  const host = target.hostname.replace(/^\[|\]$/g, '')
  const secured = tls.connect({ socket, host, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...(ca === null ? {} : { ca }) })
  try {
    await once(secured, 'secureConnect', { signal })
  } catch (error) {
    secured.destroy()
    throw error
  }
  return secured
}

function connect(proxy: URL, authority: string, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
    const headers = {
      host: authority,
      ...(proxy.username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
    }
    const options = {
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port),
      path: authority,
      headers,
      signal,
      agent: false,
    }
    const outgoing = proxy.protocol === 'https:' ? https.request(options) : http.request(options)
    outgoing.on('error', reject)
    outgoing.once('connect', (answer, socket, head) => {
      // Bytes before our own hello cannot be the target's: TLS servers wait for the client.
      if (answer.statusCode === 200 && head.length === 0) resolve(socket)
      else {
        socket.destroy()
        reject(new HttpFailure('network', `the proxy ${proxy.host} refused to connect (status ${String(answer.statusCode ?? 0)})`))
      }
    })
    outgoing.once('response', answer => {
      answer.destroy()
      reject(new HttpFailure('network', `the proxy ${proxy.host} does not tunnel (status ${String(answer.statusCode ?? 0)})`))
    })
    outgoing.end()
  })
}
