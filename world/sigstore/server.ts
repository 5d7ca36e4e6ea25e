// Sigstore's services on this machine: a certificate authority, a time stamp authority and a transparency log behind one TLS server,
// and a proxy that leads their real names to it. The library that attests is then the unmodified one.
import { execFileSync } from 'node:child_process'
import { createPublicKey, hash, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { json } from 'node:stream/consumers'
import { makeCertificates } from '../tls/certificates.ts'

const HOSTS = ['fulcio.githubapp.com', 'timestamp.githubapp.com', 'fulcio.sigstore.dev', 'rekor.sigstore.dev']

export interface Sigstore {
  /** For the process that attests: the way to these services, and the authority that their certificates are of. */
  readonly environment: Readonly<Record<string, string>>
  /** `METHOD https://HOST/PATH`, in order. */
  readonly requests: readonly string[]
  /** What the next request to a path that ends so is answered with; until it is cleared. */
  readonly refusals: Map<string, number>
  /** Claims of the tokens that certificates were asked for with. */
  readonly tokens: readonly Readonly<Record<string, unknown>>[]
  stop(): Promise<void>
}

interface CertificateRequest {
  readonly credentials: { readonly oidcIdentityToken: string }
  readonly publicKeyRequest: { readonly publicKey: { readonly content: string }; readonly proofOfPossession: string }
}

export async function startSigstore(): Promise<Sigstore> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-sigstore-'))
  const { ca, certificate, key } = makeCertificates(HOSTS)
  const authority = openAuthority(dir)
  writeFileSync(path.join(dir, 'tls.crt'), ca)
  const requests: string[] = []
  const refusals = new Map<string, number>()
  const tokens: Record<string, unknown>[] = []
  const server = https.createServer({ cert: certificate, key }, (request, response) => {
    const at = request.url ?? '/'
    requests.push(`${request.method ?? ''} https://${request.headers.host ?? ''}${at}`)
    const refusal = [...refusals].find(([ending]) => at.endsWith(ending))?.[1]
    json(request)
      .then(body => {
        if (refusal !== undefined) return { status: refusal, body: { message: 'refused' } }
        switch (at) {
          case '/api/v2/signingCert':
            return authority.certify(body as CertificateRequest, tokens)
          case '/api/v1/timestamp':
            return { status: 201, body: timeStamp }
          case '/api/v1/log/entries':
            return { status: 201, body: logEntry(body) }
          default:
            return { status: 404, body: {} }
        }
      })
      .then(
        ({ status, body }) => response.writeHead(status).end(Buffer.isBuffer(body) ? body : JSON.stringify(body)),
        () => response.writeHead(400).end('{"message":"not understood"}'),
      )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const proxy = http.createServer((_, response) => response.writeHead(405).end())
  proxy.on('connect', (request, near: net.Socket) => {
    const host = (request.url ?? '').split(':')[0] ?? ''
    near.on('error', () => near.destroy())
    if (!HOSTS.includes(host)) {
      requests.push(`CONNECT ${request.url ?? ''}`)
      near.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      return
    }
    const far = net.connect(port, '127.0.0.1', () => {
      near.write('HTTP/1.1 200 OK\r\n\r\n')
      near.pipe(far).pipe(near)
    })
    far.on('error', () => near.destroy())
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  return {
    environment: {
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NO_PROXY: '127.0.0.1,localhost',
      NODE_EXTRA_CA_CERTS: path.join(dir, 'tls.crt'),
    },
    requests,
    refusals,
    tokens,
    stop: async () => {
      for (const each of [server, proxy]) {
        each.closeAllConnections()
        await new Promise(resolve => each.close(resolve))
      }
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Certifies a key for whoever the token names, after a proof that the asker has it. */
function openAuthority(dir: string): {
  certify(request: CertificateRequest, tokens: Record<string, unknown>[]): { status: number; body: unknown }
} {
  const run = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' })
  const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  run('req', '-x509', ...elliptic, '-days', '30', '-keyout', 'root.key', '-out', 'root.crt', '-subj', '/CN=Fulcio stand-in')
  run('req', ...elliptic, '-keyout', 'any.key', '-out', 'any.csr', '-subj', '/CN=workflow')
  return {
    certify({ credentials, publicKeyRequest }, tokens) {
      const claims = JSON.parse(Buffer.from(credentials.oidcIdentityToken.split('.')[1] ?? '', 'base64url').toString()) as Record<
        string,
        unknown
      >
      if (claims['aud'] !== 'sigstore') return { status: 401, body: { message: 'the audience is another' } }
      const { publicKey, proofOfPossession } = publicKeyRequest
      const subject = Buffer.from(String(claims['sub']))
      if (!verify('sha256', subject, createPublicKey(publicKey.content), Buffer.from(proofOfPossession, 'base64')))
        return { status: 400, body: { message: "the key is not the asker's" } }
      tokens.push(claims)
      writeFileSync(path.join(dir, 'leaf.pub'), publicKey.content)
      run(
        'x509',
        '-req',
        '-in',
        'any.csr',
        '-force_pubkey',
        'leaf.pub',
        '-CA',
        'root.crt',
        '-CAkey',
        'root.key',
        '-CAcreateserial',
        '-days',
        '1',
        '-out',
        'leaf.crt',
      )
      const certificates = ['leaf.crt', 'root.crt'].map(name => readFileSync(path.join(dir, name), 'utf8'))
      return { status: 200, body: { signedCertificateEmbeddedSct: { chain: { certificates } } } }
    },
  }
}

/** TimeStampResp with the status `granted` and no token (RFC 3161 2.4.2): the library keeps it as it is. */
const timeStamp = Buffer.from('30053003020100', 'hex')

function logEntry(proposed: unknown): unknown {
  const body = Buffer.from(JSON.stringify(proposed))
  const inclusionProof = { logIndex: 7, rootHash: hash('sha256', body), treeSize: 8, hashes: [], checkpoint: 'stand-in' }
  return {
    [hash('sha256', body)]: {
      body: body.toString('base64'),
      integratedTime: Math.floor(Date.now() / 1000),
      logIndex: 7,
      logID: hash('sha256', 'stand-in'),
      verification: { signedEntryTimestamp: Buffer.from('stand-in').toString('base64'), inclusionProof },
    },
  }
}
