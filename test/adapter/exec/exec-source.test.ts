// `exec://`: a named program, without a shell, with a clean environment, and an end.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createExecSource } from '../../../gateway/adapter/exec/exec-source.ts'
import type { CredentialContext, Lease } from '../../../gateway/core/credential.ts'
import { parseCredentialRef } from '../../../gateway/policy/credential-ref.ts'

const context: CredentialContext = { idToken: () => Promise.reject(new Error('no token is needed')), publicKey: null, login: null }
const reveal = (lease: Lease): string => lease.secret.reveal().toString()

async function acquire(
  script: string,
  options: { readonly field?: string; readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Lease> {
  const { field = '', timeoutMs = 10_000, signal = new AbortController().signal } = options
  const parsed = parseCredentialRef(`exec://orders${field}`)
  if ('problem' in parsed) throw new Error(parsed.problem)
  const source = createExecSource({
    commands: new Map([['orders', ['/bin/sh', '-c', script, 'sh', '$(touch x); `id`']]]),
    environment: { REGION: 'eu' },
    timeoutMs,
  })
  return await source.acquire(parsed.ref, context, signal)
}

describe('exec source', () => {
  let dir: string
  before(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-exec-'))
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  it('takes plain text, a field, and the forms that plugins print', async () => {
    assert.equal(reveal(await acquire('echo pw')), 'pw')
    assert.equal(reveal(await acquire(`echo '{"a":{"b":"deep"}}'`, { field: '#/a/b' })), 'deep')
    const plugin = await acquire(
      `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"tok","expirationTimestamp":"2999-01-01T00:00:00Z"}}'`,
    )
    assert.deepEqual([plugin.kind, reveal(plugin), plugin.expiresAt?.getUTCFullYear()], ['token', 'tok', 2999])
    const login = await acquire(`echo '{"username":"ci","password":"pw","expiresAt":"2999-01-01T00:00:00Z"}'`)
    assert.deepEqual([login.kind, login.username, reveal(login)], ['password', 'ci', 'pw'])
    const certificate = await acquire(`echo '{"kind":"ExecCredential","status":{"clientCertificateData":"cert","clientKeyData":"key"}}'`)
    assert.deepEqual([certificate.kind, certificate.certificate, reveal(certificate)], ['client-certificate', 'cert', 'key'])
  })

  it('gives the program its arguments untouched and no variables but those of the settings', async () => {
    process.env['SALLYPORT_TEST_OWN'] = 'canary'
    const seen = reveal(await acquire('env | grep -vE "^(PWD|SHLVL|_|OLDPWD)=" | sort | tr "\\n" " "; printf %s "$1"'))
    delete process.env['SALLYPORT_TEST_OWN']
    assert.equal(seen, 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin REGION=eu $(touch x); `id`')
  })

  it('refuses failures, silence, floods and odd answers, and never repeats what was printed', async () => {
    const cases: readonly [string, RegExp][] = [
      ['echo canary; echo canary >&2; exit 3', /status 3/],
      ['true', /empty/],
      ['kill -9 $$', /ended by SIGKILL/],
      ['head -c 100000 /dev/zero', /more than 65536 bytes/],
      [`echo '{"canary":1}'`, /without a token/],
      [`echo '{"kind":"ExecCredential","token":"canary"}'`, /without a token/],
      [`echo '{"password":"canary","expiresAt":"2001-01-01T00:00:00Z"}'`, /has expired/],
      [`echo '{"password":"canary","expiresAt":"canary"}'`, /no time/],
    ]
    for (const [script, words] of cases) {
      await assert.rejects(acquire(script), error => {
        assert.ok(error instanceof Error)
        assert.match(error.message, words, script)
        assert.doesNotMatch(error.message, /canary/)
        return true
      })
    }
  })

  it('refuses a program that the policy does not name, or that is not there', async () => {
    const source = createExecSource({ commands: new Map([['other', ['/nonexistent/program']]]), environment: {} })
    const parsed = parseCredentialRef('exec://orders')
    const missing = parseCredentialRef('exec://other')
    if ('problem' in parsed || 'problem' in missing) throw new Error('not parsed')
    await assert.rejects(source.acquire(parsed.ref, context, new AbortController().signal), /no such program/)
    await assert.rejects(source.acquire(missing.ref, context, new AbortController().signal), /cannot be started/)
  })

  it('ends the program and its children when it takes too long or nobody waits any more', async () => {
    const pidFile = path.join(dir, 'pid')
    // Long enough for the program to have come to its child, however busy the machine is.
    for (let timeoutMs = 300; !existsSync(pidFile); timeoutMs *= 2) {
      const words = new RegExp(`did not end within ${timeoutMs / 1000} s`)
      await assert.rejects(acquire(`sleep 60 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`, { timeoutMs }), words)
    }
    const pid = Number(readFileSync(pidFile, 'utf8'))
    for (let tries = 0; tries < 6_000 && !isGone(pid); tries += 1) await new Promise(resolve => setTimeout(resolve, 10))
    assert.ok(isGone(pid), 'the child of the program is gone too')
    const leaving = new AbortController()
    const acquiring = acquire('sleep 60', { signal: leaving.signal })
    leaving.abort(new Error('left'))
    await assert.rejects(acquiring, /left/)
  })
})

/** Killed, whether or not its new parent has taken note of it. */
function isGone(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'))
  } catch {
    return true
  }
}
