// Recordings that `sallyport exec` ships and encrypts, end to end with the built cli.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { startS3 } from '../../world/s3/server.ts'
import type { S3Server } from '../../world/s3/server.ts'
import { auditorPublic, auditorSecret } from '../record/recordings.ts'
import { openExecStage, type ExecStage } from './exec-stage.ts'

const psql = (sql: string): string[] => ['psql', '-X', '-At', '-c', sql]

describe('a recording of sallyport exec', () => {
  let stage: ExecStage
  let s3: S3Server
  let rec: string
  before(async () => {
    ;[stage, s3] = await Promise.all([openExecStage(), startS3()])
    rec = path.join(stage.dir, 'rec')
  })
  after(() => Promise.all([stage.close(), s3.stop()]))
  beforeEach(() => {
    rmSync(rec, { recursive: true, force: true })
    stage.writeToken()
  })

  it('that is signed with a key of ours verifies with it, run after run; a file that is no key starts nothing', async () => {
    stage.writePolicy()
    const pem = path.join(stage.dir, 'audit.pem')
    writeFileSync(pem, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }))
    const keys: string[] = []
    for (const _ of [1, 2]) {
      rmSync(rec, { recursive: true, force: true })
      stage.writeToken()
      const ran = await stage.exec(psql('SELECT 1'), ['--signing-key', pem])
      assert.equal(ran.status, 0, ran.stderr)
      keys.push(/key (sallyport\+[0-9a-f]{8}\+\S+)/.exec(ran.stderr)?.[1] ?? '')
      assert.equal((await stage.sallyport(['verify', rec, '--key', keys[0] ?? ''])).status, 0)
    }
    assert.deepEqual(keys[1], keys[0])
    writeFileSync(pem, 'not a key')
    rmSync(rec, { recursive: true, force: true })
    stage.writeToken()
    const refused = await stage.exec(psql('SELECT 1'), ['--signing-key', pem])
    assert.deepEqual([refused.status, refused.stdout], [2, ''])
    assert.match(refused.stderr, /SALLYPORT-E32 the signing key is not an Ed25519 key/)
  })

  it('that is encrypted holds nothing that was run or seen, verifies, and is shown to its auditor', async () => {
    stage.writePolicy(undefined, `recording: { encrypt-to: [${auditorPublic}] }`)
    const ran = await stage.exec(psql('SELECT name FROM customers WHERE id = 1'))
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /Ada Alder/)
    for (const name of readdirSync(rec)) {
      const bytes = readFileSync(path.join(rec, name))
      const text = name.startsWith('statement') ? Buffer.from(JSON.parse(bytes.toString()).payload as string, 'base64') : bytes
      for (const word of ['Ada', 'SELECT', 'customers']) assert.ok(!text.includes(word), `${word} in ${name}`)
    }
    assert.ok(existsSync(path.join(rec, 'keys.age')) && existsSync(path.join(rec, 'replay.html.age')))
    assert.equal((await stage.sallyport(['verify', rec])).status, 0)
    const key = path.join(stage.dir, 'auditor.txt')
    writeFileSync(key, `${auditorSecret}\n`)
    assert.equal((await stage.sallyport(['verify', rec, '--identity', key])).status, 0)
    const closed = await stage.sallyport(['replay', rec])
    assert.equal(closed.status, 3)
    assert.match(closed.stderr, /--identity FILE/)
    const shown = await stage.sallyport(['replay', rec, '--identity', key])
    assert.match(shown.stdout, /SELECT name FROM customers[\s\S]*Ada Alder/)
  })

  it('is not started for an auditor whose key is none', async () => {
    stage.writePolicy(undefined, `recording: { encrypt-to: [${auditorPublic.slice(0, -1)}q] }`)
    const ran = await stage.exec(psql('SELECT 1'))
    assert.equal(ran.status, 2)
    assert.match(ran.stderr, /SALLYPORT-E16 .*not an age X25519 recipient/)
    assert.equal(ran.stdout, '')
    assert.equal(existsSync(rec), false)
  })

  it('goes to a bucket and a folder, and the command sees none of the keys', async () => {
    const audit = path.join(stage.dir, 'audit')
    const bucket = `s3://audit/sallyport?lock=compliance&days=1&endpoint=${encodeURIComponent(s3.endpoint)}`
    stage.writePolicy(undefined, `recording: { sinks: ["${bucket}", "file://${audit}"] }`)
    const keys = { AWS_ACCESS_KEY_ID: s3.key.id, AWS_SECRET_ACCESS_KEY: s3.key.secret }
    const ran = await stage.exec(['sh', '-c', `psql -X -At -c 'SELECT count(*) FROM orders'; env`], [], keys)
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /^50$/m)
    assert.doesNotMatch(ran.stdout, /AWS_(?:ACCESS|SECRET)/)
    assert.doesNotMatch(ran.stderr, /was not shipped/)
    assert.equal(readdirSync(audit).length, 1)
    const copy = path.join(stage.dir, 'copy')
    for (const [name, versions] of s3.objects) {
      const file = path.join(copy, name.split('/').slice(2).join('/'))
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, versions[0]?.bytes ?? '')
    }
    for (const dir of [copy, path.join(audit, readdirSync(audit)[0] ?? '')]) {
      const verified = await stage.sallyport(['verify', dir])
      assert.equal(verified.status, 0, verified.stdout + verified.stderr)
    }
  })

  it('is not started when the bucket refuses its first lines', async () => {
    stage.writePolicy(undefined, `recording: { sinks: ["s3://audit/x?endpoint=${encodeURIComponent(s3.endpoint)}"] }`)
    for (const [keys, status, said] of [
      [{ AWS_ACCESS_KEY_ID: s3.key.id, AWS_SECRET_ACCESS_KEY: 'wrong' }, 125, /SALLYPORT-E27 [\s\S]*SignatureDoesNotMatch/],
      [{}, 3, /SALLYPORT-E21 there are no access keys/],
    ] as const) {
      stage.writeToken()
      const ran = await stage.exec(psql('SELECT 1'), ['--out', path.join(stage.dir, `refused-${status}`)], keys)
      assert.equal(ran.status, status, ran.stderr)
      assert.match(ran.stderr, said)
      assert.equal(ran.stdout, '')
    }
  })
})
