// `file://`: regular files that nobody else can change, read through the handle that was examined.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createFileSource } from '../../../gateway/adapter/file/file-source.ts'
import type { CredentialContext, Lease } from '../../../gateway/core/credential.ts'
import { parseCredentialRef } from '../../../gateway/policy/credential-ref.ts'

const context: CredentialContext = { idToken: () => Promise.reject(new Error('no token is needed')), publicKey: null, login: null }

async function acquire(at: string, field = '', refuseReadableByAll = false): Promise<Lease> {
  const parsed = parseCredentialRef(`file://${at}${field}`)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return await createFileSource({ refuseReadableByAll }).acquire(parsed.ref, context, new AbortController().signal)
}

const reveal = (lease: Lease): string => lease.secret.reveal().toString()

describe('file source', () => {
  let dir: string
  before(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-file-'))
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  function file(name: string, text: string | Buffer, mode = 0o600): string {
    const at = path.join(dir, name)
    writeFileSync(at, text)
    chmodSync(at, mode)
    return at
  }

  it('reads a text or a field, and follows links as mounted secrets need', async () => {
    assert.equal(reveal(await acquire(file('plain', 'pw\n'))), 'pw')
    const json = file('json', '{"login":{"password":"deep"}}')
    assert.equal(reveal(await acquire(json, '#/login/password')), 'deep')
    symlinkSync(json, path.join(dir, 'link'))
    assert.equal(reveal(await acquire(path.join(dir, 'link'), '#/login/password')), 'deep')
  })

  it('refuses files that others may write', async () => {
    for (const mode of [0o602, 0o620, 0o666]) await assert.rejects(acquire(file('loose', 'pw', mode)), /others may write.*chmod 600/)
  })

  it('refuses files that every user may read where the job is another user', async () => {
    const at = file('readable', 'pw', 0o644)
    assert.equal(reveal(await acquire(at)), 'pw')
    await assert.rejects(acquire(at, '', true), /every user may read/)
    assert.equal(reveal(await acquire(file('group', 'pw', 0o640), '', true)), 'pw')
  })

  it('refuses what is missing, empty, too long or no file, without waiting for it', async () => {
    mkdirSync(path.join(dir, 'folder'))
    const pipe = path.join(dir, 'pipe')
    execFileSync('mkfifo', ['-m', '600', pipe])
    await assert.rejects(acquire(path.join(dir, 'missing')), /cannot be opened \(ENOENT\)/)
    await assert.rejects(acquire(path.join(dir, 'folder')), /not a regular file/)
    await assert.rejects(acquire(pipe), /not a regular file/)
    await assert.rejects(acquire('/dev/zero'), /not a regular file/)
    await assert.rejects(acquire(file('empty', '')), /empty/)
    await assert.rejects(acquire(file('long', Buffer.alloc(65_537, 'x'))), /more than 65536 bytes/)
  })
})
