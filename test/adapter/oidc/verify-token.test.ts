// The door for tokens: which ones come in, and for which reason the others do not. Every token here is really signed.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { TokenRefusal } from '../../../gateway/adapter/oidc/token-refusal.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { startIssuer } from '../../../world/issuer/issuer.ts'
import type { Issuer } from '../../../world/issuer/issuer.ts'
import { audience, judge, SetClock, signal, trusting, verifierOf } from './token-bench.ts'

const now = (): number => Math.floor(Date.now() / 1_000)

describe('token verifier', () => {
  let issuer: Issuer
  let corp: Issuer
  before(async () => {
    issuer = await startIssuer({ claims: { aud: audience } })
    corp = await startIssuer({ claims: { aud: audience, groups: ['dba'] } })
    issuer.keys.published = ['k1', 'ec1', 'weak1024', 'enc1']
  })
  after(async () => {
    await issuer.stop()
    await corp.stop()
  })

  const check = (token: string): Promise<string> =>
    judge(verifierOf([trusting(issuer), trusting(corp, { name: 'corp' })]).verify(token, signal), token)
  const signed = (header: string, payload: string | Buffer): string => issuer.keys.sign(header, payload, 'k1')
  const HEADER = '{"alg":"RS256","typ":"JWT","kid":"k1"}'
  const payload = (changes: object = {}): string =>
    JSON.stringify({ ...(JSON.parse(Buffer.from(issuer.mint().split('.')[1] ?? '', 'base64url').toString()) as object), ...changes })

  it('tells who asks: issuer, subject, claims, end and digest', async () => {
    const endsAtSec = now() + 200
    const token = issuer.mint({ exp: endsAtSec })
    const verified = await verifierOf([trusting(issuer)]).verify(new Secret(token), signal)
    assert.equal(verified.issuer, 'github')
    assert.equal(verified.iss, issuer.url)
    assert.equal(verified.subject, 'repo:acme@10/shop@123:environment:production')
    assert.equal(verified.claims['repository_id'], '123')
    assert.equal(verified.expiresAt.getTime(), endsAtSec * 1_000)
    assert.equal(verified.tokenDigest, createHash('sha256').update(token).digest('hex'))
    assert.ok(!inspect(verified, { depth: 5 }).includes(token.split('.')[2] ?? '-'))
  })

  it('knows several issuers, each by its own keys only', async () => {
    assert.equal(await check(issuer.mint()), 'accept')
    assert.equal(await check(corp.mint()), 'accept')
    assert.equal(await check(corp.mint({ iss: issuer.url })), 'bad_signature')
    assert.equal(await check(corp.mint({ iss: 'https://token.actions.githubusercontent.com' })), 'issuer_not_allowed')
  })

  it('refuses issuers that only look like one of its own', async () => {
    for (const iss of [`${issuer.url}/`, issuer.url.toUpperCase(), `${issuer.url}/.`, ` ${issuer.url}`, '', 1, null, {}]) {
      assert.equal(await check(issuer.mint({ iss })), 'issuer_not_allowed', JSON.stringify(iss))
    }
    assert.equal(await check(issuer.mint({ iss: undefined })), 'claim_missing:iss')
  })

  it('takes only the algorithms of the issuer', async () => {
    assert.equal(await check(issuer.mint({}, { key: 'ec1' })), 'alg_not_allowed')
    assert.equal(
      await judge(verifierOf([trusting(issuer, { algorithms: ['ES256'] })]).verify(issuer.mint({}, { key: 'ec1' }), signal)),
      'accept',
    )
    for (const alg of ['none', 'None', 'HS256', 'rs256', 'RS512', '', 7, null]) {
      assert.equal(await check(signed(JSON.stringify({ alg, kid: 'k1' }), payload())), 'alg_not_allowed', String(alg))
    }
    // An algorithm that another issuer may use is not one that this one may.
    const mixed = verifierOf([trusting(issuer), trusting(corp, { name: 'corp', algorithms: ['ES256'] })])
    assert.equal(await judge(mixed.verify(corp.mint(), signal)), 'alg_not_allowed')
    assert.throws(() => verifierOf([trusting(issuer, { algorithms: ['HS256'] })]), /HS256 is not supported/)
    assert.throws(() => verifierOf([trusting(issuer, { algorithms: [] })]), /no algorithms/)
  })

  it('needs a key id that names one strong signing key of the issuer', async () => {
    assert.equal(await check(signed('{"alg":"RS256"}', payload())), 'kid_missing')
    assert.equal(await check(signed('{"alg":"RS256","kid":""}', payload())), 'malformed_header')
    assert.equal(await check(signed('{"alg":"RS256","kid":["k1"]}', payload())), 'malformed_header')
    assert.equal(await check(signed('{"alg":"RS256","kid":"__proto__"}', payload())), 'unknown_kid')
    assert.equal(await check(issuer.mint({}, { key: 'weak1024', header: { alg: 'RS256' } })), 'weak_key')
    assert.equal(await check(issuer.mint({}, { key: 'enc1', header: { alg: 'RS256' } })), 'unknown_kid')
    assert.equal(await check(issuer.mint({}, { key: 'attacker', header: { kid: 'k1' } })), 'bad_signature')
  })

  it('refuses headers that could make another reader see another token', async () => {
    const members = ['jku', 'x5u', 'jwk', 'x5c', 'zip', 'cty', 'crit', 'b64', 'p2c', 'epk', 'nonce']
    for (const name of members)
      assert.equal(await check(signed(JSON.stringify({ alg: 'RS256', kid: 'k1', [name]: ['exp'] }), payload())), 'header_not_allowed', name)
    for (const typ of ['JWE', 'at+jwt', 'application/jwt', 1]) {
      assert.equal(await check(signed(JSON.stringify({ alg: 'RS256', kid: 'k1', typ }), payload())), 'header_not_allowed', String(typ))
    }
    assert.equal(await check(signed('{"alg":"RS256","kid":"k1","x5t":"abc"}', payload())), 'accept')
    assert.equal(await check(signed('{"alg":"RS256","kid":"k1","kid":"ec1"}', payload())), 'malformed_header')
    assert.equal(await check(signed('{"alg":"RS256","k\\u0069d":"ec1","kid":"k1"}', payload())), 'malformed_header')
  })

  it('knows one spelling of a token only', async () => {
    const token = issuer.mint()
    const [header = '', claims = '', signature = ''] = token.split('.')
    for (const spelling of [
      `${token}=`,
      `${token}==`,
      `${token}\n`,
      ` ${token}`,
      `${header}=.${claims}.${signature}`,
      `${header}.${claims}.${signature.replaceAll('-', '+').replaceAll('_', '/')}+`,
      `${header}.${claims}`,
      `${token}.`,
      `${token}..`,
      '',
      '..',
      header,
    ]) {
      assert.notEqual(await check(spelling), 'accept', spelling.slice(-20))
    }
    assert.equal(await check(`${header}.${claims}.`), 'bad_signature')
    assert.equal(await check('a'.repeat(16_385)), 'token_too_large')
    assert.equal(await check(issuer.mint({ pad: 'x'.repeat(13_000) })), 'token_too_large')
  })

  it('refuses payloads that two readers could read differently', async () => {
    const good = payload()
    const flawed: readonly (string | Buffer)[] = [
      good.replace('{', '{"aud":"other",'),
      good.replace('{', '{"__proto__":{"aud":"x"},'),
      good.replace('{', '{"a":{"b":1,"\\u0062":2},'),
      `\ufeff${good}`,
      Buffer.concat([Buffer.from(good.slice(0, -1)), Buffer.from(',"x":"\xff\xfe"}', 'latin1')]),
      `[${good}]`,
      '"text"',
      'null',
      '',
      `${good}{}`,
      good.replace('{', `{"d":${'['.repeat(9)}${']'.repeat(9)},`),
      good.replace('{', `{"d":${'['.repeat(4_000)}${']'.repeat(4_000)},`),
    ]
    for (const bytes of flawed) assert.equal(await check(signed(HEADER, bytes)), 'malformed_token', bytes.toString().slice(0, 40))
    assert.equal(await check(signed(HEADER, good.replace('{', '{"list":[{"a":1},{"a":2}],"text":"{\\"a\\":1,\\"a\\":2}",'))), 'accept')
  })

  it('takes tokens for its audience and for nobody else', async () => {
    for (const aud of ['https://github.com/acme', 'sallyport-staging', 'Sallyport', 'sallyport/', ' sallyport', '', 1, null, {}, []]) {
      assert.equal(await check(issuer.mint({ aud })), 'audience_not_allowed', JSON.stringify(aud))
    }
    assert.equal(await check(issuer.mint({ aud: ['other', audience] })), 'audience_not_single')
    assert.equal(await check(issuer.mint({ aud: [audience, audience] })), 'audience_not_single')
    assert.equal(await check(issuer.mint({ aud: [audience] })), 'accept')
    assert.equal(await check(issuer.mint({ aud: undefined })), 'claim_missing:aud')
  })

  it('refuses times that are missing, no numbers, over, not yet, too old or too far away', async () => {
    const cases: readonly [object, string][] = [
      [{ exp: undefined }, 'claim_missing:exp'],
      [{ iat: undefined }, 'claim_missing:iat'],
      [{ nbf: undefined }, 'accept'],
      [{ exp: String(now() + 100) }, 'malformed_claim'],
      [{ exp: null }, 'malformed_claim'],
      [{ exp: now() + 100.5 }, 'malformed_claim'],
      [{ exp: -1 }, 'malformed_claim'],
      [{ exp: true }, 'malformed_claim'],
      [{ nbf: 'soon' }, 'malformed_claim'],
      [{ iat: [now()] }, 'malformed_claim'],
      [{ exp: 1e300 }, 'lifetime_too_long'],
      [{ exp: now() + 365 * 86_400 }, 'lifetime_too_long'],
      [{ exp: now() - 10 }, 'expired'],
      [{ exp: 0 }, 'expired'],
      [{ nbf: now() + 60 }, 'not_yet_valid'],
      [{ iat: now() + 60 }, 'not_yet_valid'],
      [{ iat: now() - 7_200, exp: now() + 60 }, 'lifetime_too_long'],
      [{ iat: now() - 3_700, nbf: now() - 3_700, exp: now() - 100 }, 'expired'],
    ]
    for (const [claims, reason] of cases) assert.equal(await check(issuer.mint({ ...claims })), reason, JSON.stringify(claims))
  })

  it('refuses ids that are no texts, empty, or forge a log', async () => {
    for (const claims of [
      { sub: 1 },
      { sub: '' },
      { jti: '' },
      { jti: ' ' },
      { jti: 7 },
      { repository_id: 123 },
      { actor_id: null },
      { project_id: 5 },
      { ref: ['refs/heads/main'] },
      { ref_protected: true },
      { ref: 'refs/heads/\u001b[2J' },
      { workflow: 'a\nb' },
      { environment: '\u202eprod' },
      { 'na\u0000me': 'x' },
      { deep: { list: ['ok', 'a\rb'] } },
    ]) {
      assert.equal(await check(issuer.mint(claims)), 'malformed_claim', JSON.stringify(claims))
    }
    assert.equal(await check(issuer.mint({ sub: undefined })), 'claim_missing:sub')
    assert.equal(await check(issuer.mint({ jti: undefined })), 'claim_missing:jti')
    assert.equal(await check(issuer.mint({ actor: 'Zoë', workflow: 'déploiement 🚀' })), 'accept')
  })

  it('refuses a subject that names another repository than the claims, in both of GitHub’s forms', async () => {
    const cases: readonly [string, string][] = [
      ['repo:acme@10/shop@999:ref:refs/heads/main', 'sub_inconsistent'],
      ['repo:acme@11/shop@123:ref:refs/heads/main', 'sub_inconsistent'],
      ['repo:acme@10/shop:ref:refs/heads/main', 'sub_inconsistent'],
      ['repo:acme@/shop@:ref:refs/heads/main', 'sub_inconsistent'],
      ['repo:acme/other:ref:refs/heads/main', 'sub_inconsistent'],
      ['repo:acme/shop:ref:refs/heads/main', 'accept'],
      ['repo:renamed@10/renamed@123:ref:refs/heads/main', 'accept'],
      ['repository_owner:acme:environment:production', 'accept'],
      ['someone@example.com', 'accept'],
    ]
    for (const [sub, reason] of cases) assert.equal(await check(issuer.mint({ sub })), reason, sub)
  })

  it('takes a token once, whatever is asked in between, and keeps issuers apart', async () => {
    const verifier = verifierOf([trusting(issuer), trusting(corp, { name: 'corp' })])
    const token = issuer.mint({ jti: 'same' })
    assert.equal(await judge(verifier.check(token, signal)), 'accept')
    assert.equal(await judge(verifier.verify(token, signal)), 'accept')
    assert.equal(await judge(verifier.verify(token, signal)), 'replayed')
    assert.equal(await judge(verifier.verify(issuer.mint({ jti: 'same' }), signal)), 'replayed')
    assert.equal(await judge(verifier.verify(corp.mint({ jti: 'same' }), signal)), 'accept')
    const both = await Promise.all([1, 2].map(() => judge(verifier.verify(issuer.mint({ jti: 'twin' }), signal))))
    assert.deepEqual(both.toSorted(), ['accept', 'replayed'])
  })

  it('does not revive an expired token when this machine’s clock is set back', async () => {
    const clock = new SetClock()
    const verifier = verifierOf([trusting(issuer)], clock)
    clock.wallMs -= 3_600_000
    const over = issuer.mint({ exp: now() - 1_800, iat: now() - 2_000, nbf: now() - 2_000 })
    assert.equal(await judge(verifier.verify(over, signal)), 'expired')
  })

  it('goes by the issuer’s own time when this machine started with a wrong clock, and says so', async () => {
    const clock = new SetClock()
    clock.wallMs -= 3_600_000
    const verifier = verifierOf([trusting(issuer)], clock)
    assert.equal(
      await judge(verifier.verify(issuer.mint({ exp: now() - 1_800, iat: now() - 2_000, nbf: now() - 2_000 }), signal)),
      'expired',
    )
    assert.equal(await judge(verifier.verify(issuer.mint(), signal)), 'accept')

    const slow = await startIssuer({ claims: { aud: audience } })
    slow.faults.clockSkewSec = 94
    const early = new SetClock()
    const ahead = verifierOf([trusting(slow)], early)
    assert.equal(await judge(ahead.verify(slow.mint(), signal)), 'accept')
    const error = await ahead.verify(slow.mint({ nbf: now() + 300 }), signal).catch((reason: unknown) => reason)
    await slow.stop()
    assert.ok(error instanceof TokenRefusal)
    assert.equal(error.id, 'E17')
    assert.match(error.why ?? '', /differs from the issuer’s by 9[345] s/)
    assert.match(error.fix ?? '', /NTP/)
  })

  it('names the failed check and the code, and never quotes the token', async () => {
    const cases: readonly [string, string, RegExp][] = [
      [issuer.mint({ aud: 'canary-audience' }), 'AUDIENCE_MISMATCH', /audience is not the one the policy expects, sallyport/],
      [issuer.mint({ nbf: now() + 99 }), 'CLOCK_SKEW', /valid only in \d+ s/],
      [issuer.mint({ sub: 'repo:canary/canary:x' }), 'TOKEN_REFUSED', /sub_inconsistent/],
      ['canary.canary.canary', 'TOKEN_REFUSED', /malformed_token|malformed_header/],
    ]
    for (const [token, code, words] of cases) {
      const error = await verifierOf([trusting(issuer)])
        .verify(token, signal)
        .catch((reason: unknown) => reason)
      assert.ok(error instanceof TokenRefusal)
      assert.equal(error.code, code)
      assert.match(error.message, words)
      assert.ok(error.why !== null && error.fix !== null)
      assert.doesNotMatch(inspect(error, { depth: 10 }), /canary|eyJ/)
    }
  })

  it('refuses issuers that cannot be trusted as described', () => {
    assert.throws(() => verifierOf([trusting(issuer, { url: 'http://issuer.example' })]), /must be https/)
    assert.throws(() => verifierOf([trusting(issuer, { url: 'https://user:pass@issuer.example' })]), /must be https/)
    assert.throws(() => verifierOf([trusting(issuer, { audience: '' })]), /audience is empty/)
    assert.throws(() => verifierOf([trusting(issuer), trusting(issuer, { name: 'twin' })]), /two issuers/)
  })
})
