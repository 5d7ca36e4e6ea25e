import assert from 'node:assert/strict'
import { createPublicKey, hash, verify, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { attestSubject } from '../../../gateway/adapter/attestation/attestation.ts'
import type { AttestationOptions } from '../../../gateway/adapter/attestation/attestation.ts'
import { plainStart } from '../../../gateway/control/gateway-start.ts'
import { launchGateway } from '../../../gateway/control/launch.ts'
import type { Finished } from '../../../gateway/control/protocol.ts'
import { SallyportError } from '../../../gateway/core/errors.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import { verifyRecording } from '../../../gateway/record/verify-recording.ts'
import { startShop } from '../../../world/github/shop.ts'
import type { Shop } from '../../../world/github/shop.ts'
import { startIssuer } from '../../../world/issuer/issuer.ts'
import type { Issuer } from '../../../world/issuer/issuer.ts'
import { startSigstore } from '../../../world/sigstore/server.ts'
import type { Sigstore } from '../../../world/sigstore/server.ts'

const never = new AbortController().signal
const subject = { name: 'statement.dsse.json', sha256: 'ab'.repeat(32), predicate: { run: 'r-1' } }

let shop: Shop
let sigstore: Sigstore
let issuer: Issuer
let dir: string
let token: string
before(async () => {
  ;[shop, sigstore, issuer] = await Promise.all([startShop(), startSigstore(), startIssuer()])
  token = shop.github.world.addToken(shop.bot, 'app', { contents: 'read', pull_requests: 'write', attestations: 'write' })
  dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-attest-'))
})
after(async () => {
  await Promise.all([shop.github.stop(), sigstore.stop(), issuer.stop()])
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(() => {
  sigstore.refusals.clear()
  shop.github.world.attestations.length = 0
})

describe('attesting a digest', () => {
  it('signs exactly that digest with a certificate of the workflow, and keeps it in the repository', async () => {
    const from = sigstore.requests.length
    const url = await attestSubject(optionsOf(), subject, never)
    assert.deepEqual(hostsSince(from), ['fulcio.githubapp.com', 'timestamp.githubapp.com'])
    const [kept] = shop.github.world.attestations
    assert.equal(url, `https://github.com/acme/shop/attestations/${kept!.id}`)
    const { statement, isSigned } = opened(kept!.bundle)
    assert.ok(isSigned)
    assert.deepEqual(statement, {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'statement.dsse.json', digest: { sha256: 'ab'.repeat(32) } }],
      predicateType: 'https://sallyport.dev/recording/v1',
      predicate: { run: 'r-1' },
    })
    assert.equal(sigstore.tokens.at(-1)!['aud'], 'sigstore')
  })

  it('asks the public instance for a public repository, and no other', async () => {
    const from = sigstore.requests.length
    await attestSubject(optionsOf({ instance: 'public-good' }), subject, never)
    assert.deepEqual(hostsSince(from), ['fulcio.sigstore.dev', 'rekor.sigstore.dev'])
  })

  it('says why it could not, without a token in it', async () => {
    sigstore.refusals.set('/signingCert', 403)
    const noCertificate = await refusalOf(attestSubject(optionsOf(), subject, never))
    sigstore.refusals.clear()
    const notAllowed = await refusalOf(attestSubject(optionsOf({ githubToken: new Secret(shop.workflowToken) }), subject, never))
    assert.match(notAllowed.why ?? '', /Resource not accessible by integration/)
    for (const { code, why, fix } of [noCertificate, notAllowed]) {
      assert.equal(code, 'ATTESTATION_FAILED')
      assert.match(fix ?? '', /attestations: write/)
      assert.ok(!(why ?? '').includes(token) && !(why ?? '').includes(shop.workflowToken) && !/eyJ/.test(why ?? ''))
    }
    assert.deepEqual(shop.github.world.attestations, [])
  })

  it('ends with its signal', async () => {
    const stop = new AbortController()
    const attested = attestSubject(optionsOf(), subject, stop.signal)
    stop.abort()
    await assert.rejects(attested)
  })
})

describe('a run with attest: true', () => {
  it('attests the digest of the statement that verify reads, and links it in the summary', async () => {
    const out = path.join(dir, 'attested')
    const finished = await runTo(out, { attest: true })
    const [kept] = shop.github.world.attestations
    const { statement } = opened(kept!.bundle)
    const files = statement['subject'] as { name: string; digest: { sha256: string } }[]
    assert.deepEqual(files, [
      {
        name: 'statement.dsse.json',
        digest: {
          sha256: hash('sha256', readFileSync(path.join(out, 'statement.dsse.json'))),
        },
      },
    ])
    const { run, key } = statement['predicate'] as { run: string; key: string }
    assert.deepEqual([run, key], [finished.run, finished.key])
    const url = `https://github.com/acme/shop/attestations/${kept!.id}`
    assert.ok(finished.summary.includes(`[Attestation](${url})`), finished.summary)
    assert.ok(finished.words.includes(`attested: ${url}`))
    assert.deepEqual(finished.warnings, [])
    assert.equal((await verifyRecording(out, { key: finished.key })).verdict, 'intact')
  })

  it('says loudly when it could not, and the recording is whole all the same', async () => {
    sigstore.refusals.set('/timestamp', 500)
    const out = path.join(dir, 'refused')
    const finished = await runTo(out, { attest: true })
    assert.equal(finished.warnings.length, 1)
    assert.match(finished.warnings[0] ?? '', /^SALLYPORT-E35 attest: true, but the recording could not be attested/)
    assert.doesNotMatch(finished.summary, /Attestation/)
    assert.equal((await verifyRecording(out, { key: finished.key })).verdict, 'intact')
    assert.deepEqual(shop.github.world.attestations, [])
  })

  it('does not start without the tokens that it takes', async () => {
    await assert.rejects(runTo(path.join(dir, 'bare'), { attest: true, githubToken: '' }), { code: 'ATTESTATION_FAILED' })
  })
})

describe('a run with attest: false', () => {
  it('sends nothing to anybody', async () => {
    const before = [sigstore.requests.length, sigstore.tokens.length]
    const finished = await runTo(path.join(dir, 'plain'), { attest: false })
    assert.deepEqual([sigstore.requests.length, sigstore.tokens.length], before)
    assert.deepEqual([shop.github.world.attestations, finished.warnings], [[], []])
  })
})

function hostsSince(from: number): string[] {
  return sigstore.requests.slice(from).map(request => new URL(request.split(' ')[1] ?? '').host)
}

function optionsOf(more: Partial<AttestationOptions> = {}): AttestationOptions {
  return {
    githubToken: new Secret(token),
    idToken: audience => Promise.resolve(new Secret(issuer.mint({ aud: audience }))),
    environment: sigstore.environment,
    repository: 'acme/shop',
    apiUrl: shop.github.url,
    serverUrl: 'https://github.com',
    instance: 'github',
    predicateType: 'https://sallyport.dev/recording/v1',
    ...more,
  }
}

/** What the kept bundle says, and whether the certificate in it signed that. */
function opened(bundle: object): { statement: Record<string, unknown>; isSigned: boolean } {
  const { dsseEnvelope, verificationMaterial } = bundle as {
    dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] }
    verificationMaterial: { certificate?: { rawBytes: string }; x509CertificateChain?: { certificates: { rawBytes: string }[] } }
  }
  const payload = Buffer.from(dsseEnvelope.payload, 'base64')
  const { payloadType } = dsseEnvelope
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload])
  const raw = verificationMaterial.certificate?.rawBytes ?? verificationMaterial.x509CertificateChain?.certificates[0]?.rawBytes ?? ''
  const { publicKey } = new X509Certificate(Buffer.from(raw, 'base64'))
  const isSigned = verify(
    'sha256',
    signed,
    createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
    Buffer.from(dsseEnvelope.signatures[0]!.sig, 'base64'),
  )
  return { statement: JSON.parse(payload.toString()) as Record<string, unknown>, isSigned }
}

async function refusalOf(work: Promise<unknown>): Promise<SallyportError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof SallyportError, String(error))
  return error
}

/** A gateway from its sources, with nothing to do between its start and its end. */
async function runTo(out: string, options: { attest: boolean; githubToken?: string }): Promise<Finished> {
  const launched = await launchGateway({
    start: plainStart(path.resolve(import.meta.dirname, '../../../gateway/main.ts'), null),
    log: null,
    request: {
      kind: 'launch',
      policy: {
        kind: 'text',
        name: 'attest.yml',
        text: `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  orders-db: { protocol: postgres, address: "127.0.0.1:5432", user: ci, tls: disable, credential: "env://PASSWORD", groups: [shop], default: allow }
`,
      },
      connections: [],
      token: issuer.mint({ aud: 'sallyport', repository: 'acme/shop' }),
      audience: '',
      githubToken: options.githubToken ?? token,
      pullRequest: 42,
      environment: {
        ...sigstore.environment,
        ...issuer.grant({ repository: 'acme/shop' }),
        PASSWORD: 'secret',
        GITHUB_API_URL: shop.github.url,
        GITHUB_REPOSITORY: 'acme/shop',
      },
      event: null,
      out,
      clientDir: dir,
      isolation: 'none',
      watchPid: null,
      timeToLiveMs: 60_000,
      artifact: null,
      attest: options.attest,
    },
  })
  return launched.finish('over')
}
