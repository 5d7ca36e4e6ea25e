// Plays oidc-negative.jsonl: every row's token is really made, signed and presented to the verifier, the exchange and the policy.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { inspect } from 'node:util'
import { createHttp } from '../../gateway/adapter/https/https-client.ts'
import { readBearer } from '../../gateway/adapter/oidc/bearer-token.ts'
import { createReplayMemory } from '../../gateway/adapter/oidc/replay-memory.ts'
import { createRunBindings } from '../../gateway/adapter/oidc/run-binding.ts'
import { exchangeToken } from '../../gateway/adapter/oidc/token-exchange.ts'
import { TokenRefusal } from '../../gateway/adapter/oidc/token-refusal.ts'
import { createTokenVerifier } from '../../gateway/adapter/oidc/verify-token.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Clock } from '../../gateway/core/clock.ts'
import type { Http } from '../../gateway/core/http.ts'
import { Secret } from '../../gateway/core/secret.ts'
import { startIssuer } from '../../world/issuer/issuer.ts'
import type { Fault, Issuer } from '../../world/issuer/issuer.ts'
import type { CaseRow } from './case-row.ts'
import { ownerReasons, pinsOf } from './oidc-policy.ts'
import type { Pins } from './oidc-policy.ts'
import { claimsOf, runs, tokenOf } from './oidc-token.ts'
import type { OidcRow } from './oidc-token.ts'

type BaseRow = OidcRow & { readonly policy: Readonly<Record<string, unknown>> }

const API = 'https://api.github.com'

/** @param file one JSON object a line; the row of category `base` is the positive control that all others change. */
export async function playOidc(file: string = path.join(import.meta.dirname, 'oidc-negative.jsonl')): Promise<readonly CaseRow[]> {
  const rows = readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => JSON.parse(line) as OidcRow)
  const base = rows.find(row => row.cat === 'base') as BaseRow | undefined
  if (base === undefined) throw new Error(`${file} has no base row`)
  const issuer = await startIssuer({ iss: String(base.policy['issuer']) })
  issuer.keys.published = ['k1', 'ec1', 'weak1024', 'enc1']
  const api = await startRunApi()
  try {
    const stage = { base, issuer, pins: pinsOf(base), http: throughWorld(issuer, api.address) }
    const played: CaseRow[] = []
    for (const row of rows) played.push(await play(row, stage))
    return played
  } finally {
    await api.stop()
    await issuer.stop()
  }
}

interface Stage {
  readonly base: BaseRow
  readonly issuer: Issuer
  readonly pins: Pins
  readonly http: Http
}

async function play(row: OidcRow, stage: Stage): Promise<CaseRow> {
  const expected = row.expect === 'accept' ? 'accept' : `reject: ${String(row.reason)}`
  const outcome = await attempt(row, stage).catch((error: unknown) => ({ got: `unplayable: ${String(error)}`, leak: null }))
  const note = outcome.leak === null ? row.what : `${row.what}; THE REFUSAL REPEATS ${outcome.leak}`
  return { id: row.id, expected, got: outcome.got, ok: outcome.got === expected && outcome.leak === null, note }
}

interface Outcome {
  readonly got: string
  /** What of the token the words of the refusal repeat; null = nothing. */
  readonly leak: string | null
}

async function attempt(row: OidcRow, stage: Stage): Promise<Outcome> {
  const { base, issuer, pins } = stage
  const nowSec = Math.floor(Date.now() / 1_000)
  const claims = claimsOf(base, row, nowSec)
  const clock = new JumpingClock()
  const service = openService(stage, clock)
  issuer.faults.jwks = faultOf(row.jwks)
  const present = (token: string, sessionKey: string, replica = 1): Promise<unknown> => {
    const request = requestOf(row, token)
    const parts = service[replica === 1 ? 'first' : 'second']
    return Promise.resolve()
      .then(() => readBearer(request.target, request.rawHeaders))
      .then(bearer => exchangeToken(bearer, keyDigest(sessionKey), parts, AbortSignal.timeout(30_000)))
  }
  const token = tokenOf(base, row, issuer.keys, nowSec)
  const refusals: TokenRefusal[] = []
  const refused = (error: unknown): void => {
    if (!(error instanceof TokenRefusal)) throw error
    refusals.push(error)
  }
  // Some rows are about what happened before: the run was opened by the job itself, or by this very token.
  if (row.reason === 'run_already_bound') await present(tokenOf(base, base, issuer.keys, nowSec), 'key of the job')
  if (row.reason === 'binding_mismatch') await present(token, 'key of the job')
  clock.jump(row.clock)
  await present(token, row.reason === 'run_already_bound' || row.reason === 'binding_mismatch' ? 'key of a thief' : 'key of the job').catch(
    refused,
  )
  for (let again = 1; again < (row.repeat ?? 1) && refusals.length === 0; again += 1) {
    await present(token, 'key of the job', row.replica ?? 1).catch(refused)
  }
  issuer.faults.jwks = 'none'
  const [refusal] = refusals
  const misses = claims === null ? [] : pins.misses(claims)
  if (refusal === undefined) return { got: misses[0] === undefined ? 'accept' : `reject: ${misses[0]}`, leak: null }
  // Both are true of a token that disagrees with itself about whose it is: the pinned number is the plainer word.
  const plainer = refusal.reason === 'sub_inconsistent' ? misses.find(reason => ownerReasons.has(reason)) : undefined
  return { got: `reject: ${plainer ?? refusal.reason}`, leak: leakOf(refusal, token, row, claims ?? {}) }
}

/** Two replicas of one service: each its own keys and clock guard, one memory of what was used and bound. */
function openService({ base, issuer, http }: Stage, clock: Clock): Record<'first' | 'second', Parameters<typeof exchangeToken>[2]> {
  const { policy } = base
  const trusted = { name: 'github', url: issuer.url, audience: String(policy['audience']), algorithms: policy['algorithms'] as string[] }
  const limits = {
    toleranceSec: Number(policy['clockToleranceSec']),
    maxAgeSec: Number(policy['maxTokenAgeSec']),
    maxLifetimeSec: Number(policy['maxLifetimeSec']),
  }
  const replay = createReplayMemory(clock)
  const bindings = createRunBindings(clock)
  const activeRun = { apiUrl: API, githubToken: new Secret('a token of the service'), http }
  const replica = (): Parameters<typeof exchangeToken>[2] => ({
    verifier: createTokenVerifier({ issuers: [trusted], http, clock, replay, limits }),
    bindings,
    replay,
    activeRun,
  })
  return { first: replica(), second: replica() }
}

function keyDigest(sessionKey: string): string {
  return createHash('sha256').update(sessionKey).digest('hex')
}

/** The wall clock may be set; the monotonic one goes on. */
class JumpingClock implements Clock {
  #offsetMs = 0
  now(): Date {
    return new Date(Date.now() + this.#offsetMs)
  }

  monotonicMs(): number {
    return systemClock.monotonicMs()
  }

  sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    return systemClock.sleep(waitMs, signal)
  }

  /** @param by `-3600s`, or nothing. */
  jump(by: string | undefined): void {
    if (by === undefined) return
    const [, seconds] = /^([+-]?\d+)s$/.exec(by) ?? []
    if (seconds === undefined) throw new Error(`this jump of the clock is not known: ${by}`)
    this.#offsetMs = Number(seconds) * 1_000
  }
}

function requestOf(row: OidcRow, token: string): { readonly target: string; readonly rawHeaders: readonly string[] } {
  const header = ['Host', 'gateway.internal', 'Authorization', `Bearer ${token}`]
  switch (row.transport) {
    case undefined:
      return { target: '/v1/sessions', rawHeaders: header }
    case 'query':
      return { target: `/v1/sessions?token=${token}`, rawHeaders: ['Host', 'gateway.internal'] }
    case 'dup-header':
      return { target: '/v1/sessions', rawHeaders: [...header, 'authorization', `Bearer ${token}x`] }
    default:
      throw new Error(`this transport is not known: ${row.transport}`)
  }
}

function faultOf(jwks: string | undefined): Fault {
  const faults: readonly Fault[] = ['none', 'redirect', 'huge', 'slow', 'down', 'garbage']
  const found = faults.find(fault => fault === (jwks ?? 'none'))
  if (found === undefined) throw new Error(`this fault of the key set is not known: ${String(jwks)}`)
  return found
}

/** Looks for the token's parts and for the row's own values in everything that could be printed of a refusal. */
function leakOf(refusal: TokenRefusal, token: string, row: OidcRow, claims: Readonly<Record<string, unknown>>): string | null {
  const printed = `${inspect(refusal, { depth: 10 })} ${JSON.stringify(refusal)} ${refusal.message} ${refusal.why ?? ''} ${refusal.fix ?? ''}`
  if (token.split('.').some(part => part.length >= 8 && printed.includes(part.slice(0, 200)))) return 'A PART OF THE TOKEN'
  const changed = Object.keys(row.claims).map(name => claims[name])
  const values = changed.filter(value => typeof value === 'string' && value.length >= 8)
  return values.some(value => printed.includes(String(value).slice(0, 200))) ? 'A CLAIM' : null
}

/** Real addresses outside, the world's loopback servers inside. */
function throughWorld(issuer: Issuer, apiAddress: string): Http {
  const real = createHttp({}, systemClock)
  return (request, signal) => {
    const url = request.url.replace(issuer.url, issuer.address).replace(API, apiAddress)
    if (url === request.url) throw new Error(`nothing may be asked of ${request.url}`)
    return real({ ...request, url }, signal)
  }
}

/** The one question of the run API: is this run of this repository still going on? */
async function startRunApi(): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const server = http.createServer((request, response) => {
    const [, repository, run] = /^\/repositories\/(\d+)\/actions\/runs\/(\d+)$/.exec(request.url ?? '') ?? []
    const status = run === runs.active ? 'in_progress' : run === runs.finished ? 'completed' : null
    if (repository === undefined || status === null) response.writeHead(404).end('{}')
    else response.end(JSON.stringify({ id: Number(run), run_attempt: 1, status, repository: { id: Number(repository) } }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  return {
    address: `http://127.0.0.1:${String(typeof bound === 'object' && bound !== null ? bound.port : 0)}`,
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
