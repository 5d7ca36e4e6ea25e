import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { startIssuer, type Issuer } from '../../world/issuer/issuer.ts'
import { startSshd, type SshServer } from '../../world/sshd/server.ts'
import { root, run, type Ran } from './exec-stage.ts'
import { checkScript, forwardChecks, sshChecks } from './ssh-checks.ts'

const MASKS = `masks:
  - { name: mails, patterns: [email], with: redact }
`

describe('ssh through sallyport exec', () => {
  let sshd: SshServer
  let issuer: Issuer
  let dir: string
  before(async () => {
    ;[sshd, issuer] = await Promise.all([startSshd(), startIssuer()])
    dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-ssh-e2e-'))
  })
  after(async () => {
    await Promise.all([sshd.stop(), issuer.stop()])
    rmSync(dir, { recursive: true, force: true })
  })
  beforeEach(() => rmSync(path.join(dir, 'rec'), { recursive: true, force: true }))

  function exec(command: readonly string[], rules: string, masks = MASKS): Promise<Ran> {
    const config = path.join(dir, 'sallyport.yml')
    writeFileSync(
      config,
      `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  web: { protocol: ssh, address: "127.0.0.1:${sshd.port}", user: ${sshd.user}, host-keys: ["${sshd.fingerprint}"], credential: "env://WEB_KEY", groups: [shop] }
rules:
${rules}
${masks}`,
    )
    writeFileSync(path.join(dir, 'token'), issuer.mint({ aud: 'sallyport', repository: 'acme/shop', event_name: 'push' }))
    const args = ['exec', '--config', config, '--token-file', path.join(dir, 'token'), '--out', path.join(dir, 'rec'), '--', ...command]
    return run(process.execPath, [path.join(root, 'dist/cli.mjs'), ...args], dir, { WEB_KEY: sshd.privateKey })
  }

  const everything = '  - { name: everything, then: allow }'

  it('gives plain ssh the host by name and by address, without the key', async () => {
    const ran = await exec(
      ['sh', '-c', `ssh web 'echo by name' && ssh 127.0.0.1 'echo by address' && ssh ${sshd.user}@web 'echo ada@canary.example'; env`],
      everything,
    )
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /by name\nby address\n\[redacted\]\n/)
    assert.match(ran.stdout, /^SALLYPORT_WEB_URL=ssh:/m)
    assert.doesNotMatch(ran.stdout, /WEB_KEY|PRIVATE KEY/)
    const verified = await run(process.execPath, [path.join(root, 'dist/cli.mjs'), 'verify', path.join(dir, 'rec')], dir, {})
    assert.equal(verified.status, 0, verified.stdout)
    const recorded = readFileSync(path.join(dir, 'rec', 'events.jsonl'), 'utf8')
    assert.ok(!recorded.includes('canary') && !recorded.includes('PRIVATE KEY'))
  })

  it('leaves the user’s own ssh configuration as it was, and heeds it for other hosts', async () => {
    const file = path.join(os.userInfo().homedir, '.ssh', 'config')
    const before = existsSync(file) ? readFileSync(file) : null
    const ran = await exec(
      ['sh', '-c', `grep -c 'begin sallyport' '${file}'; ssh -G other | grep '^port '; ssh -G web | grep '^stricthostkeychecking'`],
      everything,
    )
    assert.match(ran.stdout, /^1\nport 22\nstricthostkeychecking (?:true|yes)$/m)
    assert.deepEqual(existsSync(file) ? readFileSync(file) : null, before)
  })

  it('denies with 126, and the target did not run it', async () => {
    const mark = path.join(dir, 'mark')
    const ran = await exec(
      ['ssh', '-n', 'web', `touch ${mark}`],
      '  - { name: looking, ssh: { requests: [exec], programs: [ls] }, then: allow }',
    )
    assert.equal(ran.status, 126)
    assert.match(ran.stderr, /sallyport: denied by rule default: /)
    assert.equal(existsSync(mark), false)
  })

  it('does for real clients what the target does directly', async () => {
    const config = path.join(sshd.dir, 'client_config')
    writeFileSync(path.join(sshd.dir, 'known'), `target ${sshd.hostKey}\n`)
    writeFileSync(
      config,
      `Host direct\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${sshd.user}\n  IdentityFile ${sshd.dir}/login\n  IdentitiesOnly yes\n  HostKeyAlias target\n  UserKnownHostsFile ${sshd.dir}/known\n  LogLevel ERROR\n`,
    )
    const checks = { ...sshChecks, ...forwardChecks }
    const wanted = Object.keys(checks).map(name => `ok ${name}`)
    const direct = await run('bash', ['-c', checkScript(checks, 'direct', `-F ${config}`, sshd.port)], dir, {})
    assert.deepEqual(direct.stdout.trimEnd().split('\n'), wanted)
    // Without masks: 20 MB of random bytes hold what looks like an address.
    const through = await exec(['bash', '-c', checkScript(checks, 'web', '', sshd.port)], everything, '')
    assert.deepEqual(through.stdout.trimEnd().split('\n'), wanted, through.stderr)
  })
})
