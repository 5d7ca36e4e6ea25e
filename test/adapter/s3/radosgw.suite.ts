// `npm run s3:real`: recordings in a real S3 server with Object Lock. Its packages are large, so `npm test` does without.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { hash, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openFolderSink } from '../../../gateway/adapter/folder/folder-sink.ts'
import { createHttp } from '../../../gateway/adapter/https/https-client.ts'
import { readS3Address } from '../../../gateway/adapter/s3/s3-address.ts'
import { openKeySource } from '../../../gateway/adapter/s3/s3-credentials.ts'
import { openS3Sink } from '../../../gateway/adapter/s3/s3-sink.ts'
import { systemClock } from '../../../gateway/core/clock.ts'
import { Secret } from '../../../gateway/core/secret.ts'
import type { Sink } from '../../../gateway/core/sink.ts'
import { openRunLog } from '../../../gateway/record/run-log.ts'
import type { RunLog } from '../../../gateway/record/run-log.ts'
import { verifyRecording } from '../../../gateway/record/verify-recording.ts'
import { startRadosgw } from '../../../world/s3/radosgw.ts'
import type { Radosgw } from '../../../world/s3/radosgw.ts'
import { commandOf, openingOf, origin, temporaryFolder } from '../../record/recordings.ts'

const never = new AbortController().signal
const soon = { segmentBytes: 64 * 1024, segmentMs: 50, firstPauseMs: 50, longestPauseMs: 500 }

let rgw: Radosgw
let root: string
let remove: () => void
before(async () => {
  ;({ dir: root, remove } = temporaryFolder())
  rgw = await startRadosgw()
  await rgw.createBucket('audit')
})
after(async () => {
  await rgw.stop()
  remove()
})

describe('a real bucket with Object Lock', () => {
  it('gets segments while the run goes on, and a copy that is equal byte for byte and verifies', async () => {
    const { log, sink, dir } = runIn('whole')
    for (let n = 0; n < 100; n += 1) log.commit('s-1', commandOf(log.nextCommand(), `SELECT ${'x'.repeat(2000)}`), 'written')
    await log.shipped(sink, never)
    assert.ok((await namesOf('whole')).filter(name => name.endsWith('.jsonl')).length >= 2, 'nothing is there while the run goes on')
    log.commit('s-1', commandOf(log.nextCommand(), 'SELECT 2'), 'written')
    await finish(log, sink)
    await equal(dir, 'whole', log.key)
  })

  it('refuses to delete what is locked, and to lock it for less long', async () => {
    const objects = (await rgw.list('audit')).filter(({ name }) => name.startsWith('s/whole/'))
    assert.ok(objects.length >= 6)
    for (const { name, version } of objects) {
      assert.equal((await rgw.fetch('DELETE', `audit/${name}?versionId=${version}`)).status, 403, name)
      const until = new Date(Date.now() + 60_000).toISOString()
      const less = `<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Mode>COMPLIANCE</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`
      const md5 = { 'content-md5': hash('md5', less, 'base64') }
      assert.equal((await rgw.fetch('PUT', `audit/${name}?retention&versionId=${version}`, less, md5)).status, 403, name)
    }
    assert.deepEqual(
      (await rgw.list('audit')).filter(({ name }) => name.startsWith('s/whole/')),
      objects,
    )
  })

  it('is caught up with after its server was killed in the middle; the copies in bucket and folder are equal to the log', async () => {
    const audit = path.join(root, 'folder')
    mkdirSync(audit)
    const folder = openFolderSink({ url: `file://${audit}`, run: 'killed' })
    const { log, sink, dir } = runIn('killed', [folder])
    const work = (count: number): void => {
      for (let n = 0; n < count; n += 1) log.commit('s-1', commandOf(log.nextCommand(), `SELECT ${'y'.repeat(1000)}`), 'written')
    }
    work(300)
    await log.shipped(sink, never)
    const arrived = (await namesOf('killed')).length
    work(100)
    await rgw.kill()
    // The other sink keeps up, so commands go on.
    work(400)
    await log.shipped(folder, never)
    await assert.rejects(log.shipped(sink, AbortSignal.timeout(1_000)))
    await rgw.start()
    await log.shipped(sink, never)
    assert.ok((await namesOf('killed')).length > arrived)
    work(50)
    await finish(log, sink, folder)
    await equal(dir, 'killed', log.key)
    for (const name of ['events.jsonl', 'statement.dsse.json', 'replay.html'])
      assert.ok(readFileSync(path.join(audit, 'killed', name)).equals(readFileSync(path.join(dir, name))), name)
  })

  it('has what was written until the gateway died, and nobody can take it away', async () => {
    const { log, sink } = runIn('dead')
    for (let n = 0; n < 20; n += 1) log.commit('s-1', commandOf(log.nextCommand(), 'SELECT 1'), 'written')
    await log.shipped(sink, never)
    log.stopShipping()
    const report = await verifyRecording(await copyOf('dead'), { key: log.key })
    assert.deepEqual([report.verdict, report.lines], ['incomplete', log.lines])
    await log.seal({ reason: 'the test is over' })
  })

  it('takes a large file in parts, locked as a whole', async () => {
    const { sink } = sinkFor('large')
    const dir = path.join(root, 'large-file')
    mkdirSync(dir)
    const bytes = Buffer.alloc(20 * 1024 * 1024, 'large ')
    writeFileSync(path.join(dir, 'events.jsonl'), bytes)
    await sink.ship(dir, ['events.jsonl'], never)
    const [object] = (await rgw.list('audit')).filter(({ name }) => name.startsWith('s/large/'))
    assert.ok(object !== undefined && (await rgw.read('audit', object.name)).equals(bytes))
    assert.equal((await rgw.fetch('DELETE', `audit/${object.name}?versionId=${object.version}`)).status, 403)
  })

  it('gives keys of a role for a token of the workflow, and none for a token of somebody else', async () => {
    const issuer = await startIssuer()
    try {
      await rgw.call('iam', {
        Action: 'CreateOpenIDConnectProvider',
        Url: issuer.url,
        'ClientIDList.member.1': 'sts.amazonaws.com',
        'ThumbprintList.member.1': issuer.thumbprint,
      })
      const name = issuer.url.replace('http://', '')
      const trust = {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Federated: [`arn:aws:iam:::oidc-provider/${name}`] },
            Action: ['sts:AssumeRoleWithWebIdentity'],
            Condition: { StringEquals: { [`${name}:app_id`]: 'sts.amazonaws.com' } },
          },
        ],
      }
      const made = await rgw.call('iam', {
        Action: 'CreateRole',
        RoleName: 'audit',
        Path: '/',
        AssumeRolePolicyDocument: JSON.stringify(trust),
      })
      const arn = /<Arn>([^<]+)<\/Arn>/.exec(made)?.[1] ?? ''
      const allow = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['s3:*'], Resource: ['arn:aws:s3:::*'] }] }
      await rgw.call('iam', { Action: 'PutRolePolicy', RoleName: 'audit', PolicyName: 'put', PolicyDocument: JSON.stringify(allow) })
      const { sink } = sinkFor('role', { role: arn, idToken: audience => Promise.resolve(new Secret(issuer.mint(audience))) })
      const log = openLog('role', [sink])
      await finish(log.log, sink)
      // What the role put is the role's: the owner of the bucket has to be let in to read it.
      const owner = {
        Effect: 'Allow',
        Principal: { AWS: ['arn:aws:iam:::user/sallyport'] },
        Action: ['s3:GetObject'],
        Resource: ['arn:aws:s3:::audit/*'],
      }
      const opened = await rgw.fetch('PUT', 'audit?policy', JSON.stringify({ Version: '2012-10-17', Statement: [owner] }))
      assert.ok(opened.ok, await opened.text())
      await equal(log.dir, 'role', log.log.key)
      const forged = sinkFor('forged', {
        role: arn,
        idToken: audience => Promise.resolve(new Secret(`${issuer.mint(audience).slice(0, -8)}AAAAAAAA`)),
      })
      await assert.rejects(forged.sink.ship(log.dir, ['checkpoint'], never), { code: 'CREDENTIAL_UNAVAILABLE' })
    } finally {
      issuer.stop()
    }
  })
})

function runIn(run: string, more: readonly Sink[] = []): { log: RunLog; sink: Sink; dir: string } {
  const { sink } = sinkFor(run)
  return { sink, ...openLog(run, [sink, ...more]) }
}

function openLog(run: string, sinks: readonly Sink[]): { log: RunLog; dir: string } {
  const dir = path.join(root, run)
  const log = openRunLog({ dir, origin, clock: systemClock, sinks, shipping: soon })
  log.commit(null, [openingOf(log.key)], 'synced')
  return { log, dir }
}

function sinkFor(run: string, as: { role: string; idToken: (audience: string) => Promise<Secret> } | null = null): { sink: Sink } {
  const role = as === null ? '' : `&role=${as.role}`
  const address = readS3Address(`s3://audit/s?lock=compliance&days=2&endpoint=${encodeURIComponent(rgw.endpoint)}${role}`, 'us-east-1')
  const client = createHttp({}, systemClock)
  const keys = openKeySource(address, {
    environment: { AWS_ACCESS_KEY_ID: rgw.key.id, AWS_SECRET_ACCESS_KEY: rgw.key.secret },
    idToken: audience => as?.idToken(audience) ?? Promise.reject(new Error('no token is needed')),
    http: client,
    clock: systemClock,
  })
  return { sink: openS3Sink({ address, run, keys, http: client, clock: systemClock }) }
}

async function finish(log: RunLog, ...sinks: readonly Sink[]): Promise<void> {
  const { dir, files } = await log.seal({ reason: 'finished' })
  for (const sink of sinks) {
    await log.shipped(sink, never)
    await sink.ship(
      dir,
      files.map(({ name }) => name),
      never,
    )
  }
  log.stopShipping()
}

async function namesOf(run: string): Promise<readonly string[]> {
  return (await rgw.list('audit')).map(({ name }) => name).filter(name => name.startsWith(`s/${run}/`))
}

/** What `aws s3 sync` would make of the bucket. */
async function copyOf(run: string): Promise<string> {
  const copy = path.join(root, `copy-${run}`)
  for (const name of await namesOf(run)) {
    const file = path.join(copy, name.replace(`s/${run}/`, ''))
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, await rgw.read('audit', name))
  }
  return copy
}

async function equal(dir: string, run: string, key: string): Promise<void> {
  const names = await namesOf(run)
  const pieces = await Promise.all(names.filter(name => /\/events\/.*\.jsonl$/.test(name)).map(name => rgw.read('audit', name)))
  assert.ok(Buffer.concat(pieces).equals(readFileSync(path.join(dir, 'events.jsonl'))), 'the pieces are not the log')
  for (const name of ['checkpoint', 'statement.dsse.json', 'replay.html']) {
    const [object = ''] = names.filter(each => each.includes('/files/') && each.endsWith(`/${name}`))
    assert.ok((await rgw.read('audit', object)).equals(readFileSync(path.join(dir, name))), name)
  }
  const report = await verifyRecording(await copyOf(run), { key })
  assert.equal(report.verdict, 'intact', report.wrong.join('; '))
}

/** An issuer whose key set carries a certificate: this server wants one. */
async function startIssuer(): Promise<{ url: string; thumbprint: string; mint: (audience: string) => string; stop: () => void }> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-issuer-'))
  const arg = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=issuer',
    '-keyout',
    'key.pem',
    '-out',
    'crt.pem',
  ]
  execFileSync('openssl', arg, { cwd: dir, stdio: 'ignore' })
  const der = execFileSync('openssl', ['x509', '-in', 'crt.pem', '-outform', 'DER'], { cwd: dir })
  const key = readFileSync(path.join(dir, 'key.pem'), 'utf8')
  const modulus = execFileSync('openssl', ['x509', '-in', 'crt.pem', '-noout', '-modulus'], { cwd: dir, encoding: 'utf8' })
  rmSync(dir, { recursive: true })
  const n = Buffer.from(modulus.trim().replace('Modulus=', ''), 'hex').toString('base64url')
  const server = http.createServer((request, response) => {
    const keys = [{ kty: 'RSA', kid: 'k', use: 'sig', alg: 'RS256', n, e: 'AQAB', x5c: [der.toString('base64')] }]
    const isKeys = request.url === '/jwks'
    response.end(JSON.stringify(isKeys ? { keys } : { issuer: url, jwks_uri: `${url}/jwks` }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return {
    url,
    thumbprint: hash('sha1', der).toUpperCase(),
    mint: audience => {
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: url, sub: 'repo:acme/shop:ref:refs/heads/main', aud: audience, iat: now, nbf: now - 5, exp: now + 300 }
      const input = `${part({ alg: 'RS256', typ: 'JWT', kid: 'k' })}.${part(claims)}`
      return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
    },
    stop: () => server.close(),
  }
}
