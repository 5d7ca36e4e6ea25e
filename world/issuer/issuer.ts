// An OIDC issuer on loopback: discovery, key set, GitHub-shaped tokens, and GitHub's endpoint where a job asks for one.
// Its faults can be switched on while it runs.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { githubClaims } from './github-claims.ts'
import type { Claims } from './github-claims.ts'
import { KeyRing } from './key-ring.ts'
import type { KeyName } from './key-ring.ts'

export interface IssuerOptions {
  /** Added to (or, with `undefined`, taken from) the claims of every token. */
  readonly claims?: Claims
  /** The name it signs under, when it stands in for a real issuer; its own address otherwise. */
  readonly iss?: string
}

/** What goes wrong at one address. `slow` never answers until the client leaves. */
export type Fault = 'none' | 'redirect' | 'huge' | 'slow' | 'down' | 'garbage'

export interface MintOptions {
  readonly header?: Readonly<Record<string, unknown>>
  readonly key?: KeyName
}

/** What GitHub puts into the environment of a job with `id-token: write`. */
export interface TokenGrant {
  readonly ACTIONS_ID_TOKEN_REQUEST_URL: string
  readonly ACTIONS_ID_TOKEN_REQUEST_TOKEN: string
}

export interface Issuer {
  /** What its tokens say in `iss`, and what a policy trusts. */
  readonly url: string
  /** Where it really listens. */
  readonly address: string
  readonly keys: KeyRing
  /** Switch these while it runs. */
  readonly faults: { discovery: Fault; jwks: Fault; tokens: Fault; discoveryIssuer: string | null; clockSkewSec: number }
  /** Paths asked for, in order. */
  readonly requests: readonly string[]
  /** A signed token; claims that are `undefined` are left out. */
  mint(claims?: Claims, options?: MintOptions): string
  /** Lets one job ask for tokens with these claims. */
  grant(claims?: Claims): TokenGrant
  /** Signs with a new key from now on; the old one leaves the key set. */
  rotate(): void
  stop(): Promise<void>
}

export async function startIssuer(options: IssuerOptions = {}): Promise<Issuer> {
  const keys = new KeyRing()
  const requests: string[] = []
  const grants = new Map<string, Claims>()
  const faults: Issuer['faults'] = { discovery: 'none', jwks: 'none', tokens: 'none', discoveryIssuer: null, clockSkewSec: 0 }
  let signing: KeyName = 'k1'
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://issuer.invalid')
    requests.push(url.pathname)
    response.setHeader('date', new Date(Date.now() + faults.clockSkewSec * 1_000).toUTCString())
    if (url.pathname === '/.well-known/openid-configuration') {
      answer(response, faults.discovery, { ...discovery, issuer: faults.discoveryIssuer ?? iss, jwks_uri: `${iss}/.well-known/jwks` })
    } else if (url.pathname === '/.well-known/jwks') answer(response, faults.jwks, keys.jwks())
    else if (url.pathname.startsWith('/idtoken/')) tokenRequest(request, response, url)
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  const address = `http://127.0.0.1:${String(typeof bound === 'object' && bound !== null ? bound.port : 0)}`
  const iss = options.iss ?? address

  const mint: Issuer['mint'] = (claims = {}, { header = {}, key = signing } = {}) => {
    const nowSec = Math.floor(Date.now() / 1_000) + faults.clockSkewSec
    const payload = { ...githubClaims(iss, nowSec), ...options.claims, ...claims }
    return keys.sign(JSON.stringify({ typ: 'JWT', alg: keys.key(key).alg, kid: key, ...header }), JSON.stringify(payload), key)
  }

  function tokenRequest(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const claims = grants.get(bearer)
    if (request.method !== 'GET' || claims === undefined || url.searchParams.get('api-version') === null) {
      response.writeHead(claims === undefined ? 401 : 400, { 'content-type': 'application/json' }).end('{"message":"unauthorized"}')
      return
    }
    const owner = { ...githubClaims(iss, 0), ...options.claims, ...claims }['repository_owner']
    const aud = url.searchParams.get('audience') ?? `https://github.com/${String(owner)}`
    answer(response, faults.tokens, { count: 1, value: mint({ ...claims, aud }) })
  }

  return {
    url: iss,
    address,
    keys,
    faults,
    requests,
    mint,
    grant: (claims = {}) => {
      const token = randomBytes(24).toString('base64url')
      grants.set(token, claims)
      return {
        ACTIONS_ID_TOKEN_REQUEST_URL: `${address}/idtoken/00000000/7001?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
      }
    },
    rotate: () => {
      signing = signing === 'k1' ? 'k2' : 'k1'
      keys.published = [signing]
    },
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const discovery = {
  response_types_supported: ['id_token'],
  subject_types_supported: ['public', 'pairwise'],
  id_token_signing_alg_values_supported: ['RS256'],
  scopes_supported: ['openid'],
}

const HUGE_BYTES = 100 * 1_024 * 1_024

function answer(response: ServerResponse, fault: Fault, body: object): void {
  const json = { 'content-type': 'application/json' }
  switch (fault) {
    case 'none':
      response.writeHead(200, json).end(JSON.stringify(body))
      return
    case 'redirect':
      response.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end()
      return
    case 'down':
      response.writeHead(503).end()
      return
    case 'garbage':
      response.writeHead(200, json).end('<html>not JSON</html>')
      return
    case 'slow':
      return
    case 'huge': {
      // One chunk after another as fast as the client takes them, until it leaves.
      response.writeHead(200, json)
      const chunk = Buffer.alloc(65_536, ' ')
      let sent = 0
      const more = (): void => {
        while (!response.destroyed && sent < HUGE_BYTES) {
          sent += chunk.length
          if (!response.write(chunk)) return
        }
        response.end()
      }
      response.on('drain', more)
      more()
    }
  }
}
