// Where keys come from: the issuer's address only, cached, fetched again with restraint, and refused when anything is odd.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createReplayMemory } from '../../../gateway/adapter/oidc/replay-memory.ts'
import { createTokenVerifier } from '../../../gateway/adapter/oidc/verify-token.ts'
import { HttpFailure } from '../../../gateway/core/http.ts'
import type { Http } from '../../../gateway/core/http.ts'
import type { TokenVerifier } from '../../../gateway/core/token.ts'
import { KeyRing } from '../../../world/issuer/key-ring.ts'
import { startIssuer } from '../../../world/issuer/issuer.ts'
import type { Fault, Issuer } from '../../../world/issuer/issuer.ts'
import { audience, judge, SetClock, signal, trusting, verifierOf } from './token-bench.ts'

async function withIssuer(play: (issuer: Issuer) => Promise<void>): Promise<void> {
  const issuer = await startIssuer({ claims: { aud: audience } })
  try {
    await play(issuer)
  } finally {
    await issuer.stop()
  }
}

const nobody: Http = () => Promise.reject(new HttpFailure('network', 'issuer.example cannot be reached'))
const fetches = (issuer: Issuer): number => issuer.requests.filter(path => path.endsWith('/jwks')).length

describe('signing keys', () => {
  it('are fetched once for many tokens at the same time', async () => {
    await withIssuer(async issuer => {
      const verifier = verifierOf([trusting(issuer)])
      await Promise.all(Array.from({ length: 50 }, () => verifier.verify(issuer.mint(), signal)))
      assert.equal(fetches(issuer), 1)
    })
  })

  it('follow a rotation, and forget the key that was withdrawn', async () => {
    await withIssuer(async issuer => {
      const clock = new SetClock()
      const verifier = verifierOf([trusting(issuer)], clock)
      const early = issuer.mint()
      assert.equal(await judge(verifier.check(early, signal)), 'accept')
      issuer.rotate()
      clock.pass(31_000)
      assert.equal(await judge(verifier.check(issuer.mint(), signal)), 'accept')
      assert.equal(await judge(verifier.check(early, signal)), 'unknown_kid')
      assert.equal(fetches(issuer), 2)
    })
  })

  it('are fetched again at most every 30 s for ids that nobody knows', async () => {
    await withIssuer(async issuer => {
      const clock = new SetClock()
      const verifier = verifierOf([trusting(issuer)], clock)
      await verifier.check(issuer.mint(), signal)
      for (let at = 0; at < 200; at += 1) {
        assert.equal(await judge(verifier.check(issuer.mint({}, { header: { kid: `made-up-${String(at)}` } }), signal)), 'unknown_kid')
      }
      assert.equal(fetches(issuer), 1)
      clock.pass(31_000)
      assert.equal(await judge(verifier.check(issuer.mint({}, { header: { kid: 'made-up' } }), signal)), 'unknown_kid')
      assert.equal(fetches(issuer), 2)
    })
  })

  it('are not used beyond ten minutes without the issuer', async () => {
    await withIssuer(async issuer => {
      const clock = new SetClock()
      const verifier = verifierOf([trusting(issuer)], clock)
      await verifier.check(issuer.mint(), signal)
      issuer.faults.jwks = 'down'
      assert.equal(await judge(verifier.check(issuer.mint(), signal)), 'accept')
      clock.pass(601_000)
      assert.equal(await judge(verifier.check(issuer.mint(), signal)), 'jwks_unavailable')
      issuer.faults.jwks = 'none'
      assert.equal(await judge(verifier.check(issuer.mint({ iat: undefined, exp: undefined }), signal)), 'claim_missing:exp')
    })
  })

  it('are refused from an issuer that redirects, floods, is down, or talks nonsense', async () => {
    await withIssuer(async issuer => {
      for (const fault of ['redirect', 'huge', 'down', 'garbage'] satisfies Fault[]) {
        for (const at of ['jwks', 'discovery'] as const) {
          issuer.faults[at] = fault
          const wanted = at === 'jwks' ? 'jwks_unavailable' : 'issuer_unavailable'
          assert.equal(
            await judge(verifierOf([trusting(issuer)], new SetClock()).verify(issuer.mint(), signal)),
            wanted,
            `${fault} at ${at}`,
          )
          issuer.faults[at] = 'none'
        }
      }
      issuer.faults.discoveryIssuer = `${issuer.url}/`
      assert.equal(await judge(verifierOf([trusting(issuer)]).verify(issuer.mint(), signal)), 'issuer_unavailable')
    })
  })

  it('are waited for no longer than the caller wants', async () => {
    await withIssuer(async issuer => {
      issuer.faults.jwks = 'slow'
      const leaving = new AbortController()
      const verifying = verifierOf([trusting(issuer)]).verify(issuer.mint(), leaving.signal)
      setTimeout(() => leaving.abort(new Error('left')), 50)
      await assert.rejects(verifying, /left/)
    })
  })

  const ring = new KeyRing()
  const iss = 'https://issuer.example'
  /** A verifier whose issuer answers these two documents. */
  function answering(keys: unknown, discovery: object = {}): TokenVerifier {
    const asked: Http = async request => {
      const body = request.url.endsWith('/jwks') ? { keys } : { issuer: iss, jwks_uri: `${iss}/jwks`, ...discovery }
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(body)) }
    }
    const clock = new SetClock()
    const issuers = [{ name: 'example', url: iss, audience, algorithms: ['RS256'] }]
    return createTokenVerifier({ issuers, http: asked, clock, replay: createReplayMemory(clock) })
  }
  const mint = (): string => {
    const nowSec = Math.floor(Date.now() / 1_000)
    const claims = { iss, aud: audience, sub: 'x', jti: 'y', iat: nowSec, exp: nowSec + 60 }
    return ring.sign('{"alg":"RS256","kid":"k1"}', JSON.stringify(claims), 'k1')
  }
  const good = { ...ring.key('k1').jwk, kid: 'k1', use: 'sig', alg: 'RS256' }

  it('come from https only, and never from this machine for an issuer elsewhere', async () => {
    assert.equal(await judge(answering([good]).verify(mint(), signal)), 'accept')
    for (const address of ['http://issuer.example/jwks', 'https://127.0.0.1/jwks', 'http://127.0.0.1/jwks', 'file:///etc/jwks', 7, '']) {
      assert.equal(await judge(answering([good], { jwks_uri: address }).verify(mint(), signal)), 'jwks_unavailable', String(address))
    }
  })

  it('count only when exactly one of them may check this signature', async () => {
    const cases: readonly [unknown, string][] = [
      [[good, good], 'unknown_kid'],
      [[{ ...good, use: 'enc' }], 'unknown_kid'],
      [[{ ...good, alg: 'RS512' }], 'unknown_kid'],
      [[{ ...good, key_ops: ['encrypt'] }], 'unknown_kid'],
      [[{ ...good, kty: 'oct', k: 'c2VjcmV0' }], 'unknown_kid'],
      [[{ ...good, d: 'AQAB' }], 'unknown_kid'],
      [[{ ...good, kid: 1 }], 'unknown_kid'],
      [[{ ...good, e: 'AQ' }], 'weak_key'],
      [[{ ...good, n: '' }], 'weak_key'],
      [[null, 'x', []], 'unknown_kid'],
      [{ k1: good }, 'jwks_unavailable'],
      [Array.from({ length: 101 }, () => good), 'jwks_unavailable'],
    ]
    for (const [keys, reason] of cases)
      assert.equal(await judge(answering(keys).verify(mint(), signal)), reason, JSON.stringify(keys).slice(0, 60))
  })

  it('say that they cannot be reached when nothing answers', async () => {
    const clock = new SetClock()
    const issuers = [{ name: 'example', url: iss, audience, algorithms: ['RS256'] }]
    const verifier = createTokenVerifier({ issuers, http: nobody, clock, replay: createReplayMemory(clock) })
    await assert.rejects(verifier.verify(mint(), signal), {
      code: 'ISSUER_UNREACHABLE',
      message: /cannot be checked: .*issuer\.example cannot be reached/,
    })
  })
})
