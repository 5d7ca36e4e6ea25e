import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { freePorts } from '../../world/loopback-port.ts'
import { run, type Ran } from './exec-stage.ts'
import { checkScript, forwardChecks, sshChecks } from './ssh-checks.ts'
import { cli, openSshStage, type SshStage } from './ssh-stage.ts'

const MASKS = `masks:
  - { name: mails, patterns: [email], with: redact }
`

describe('ssh through sallyport exec', () => {
  let stage: SshStage
  let dir: string
  before(async () => {
    stage = await openSshStage()
    ;({ dir } = stage)
  })
  after(() => stage.close())

  const exec = (command: readonly string[], rules: string, masks = MASKS): Promise<Ran> => stage.exec(command, rules, masks)
  const everything = '  - { name: everything, then: allow }'

  it('gives plain ssh the host by name and by address, without the key', async () => {
    const ran = await exec(
      [
        'sh',
        '-c',
        `ssh web 'echo by name' && ssh 127.0.0.1 'echo by address' && ssh ${stage.sshd.user}@web 'echo ada@canary.example'; env`,
      ],
      everything,
    )
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /by name\nby address\n\[redacted\]\n/)
    assert.match(ran.stdout, /^SALLYPORT_WEB_URL=ssh:/m)
    assert.doesNotMatch(ran.stdout, /WEB_KEY|PRIVATE KEY/)
    const verified = await run(process.execPath, [cli, 'verify', path.join(dir, 'rec')], dir, {})
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
})

const EVERYTHING = '  - { name: everything, then: allow }'
const checks = { ...sshChecks, ...forwardChecks }

describe('what real clients do with a host', () => {
  let stage: SshStage
  /** Lines of the checks by their name, of each way. */
  let direct: ReadonlyMap<string, string>
  let through: ReadonlyMap<string, string>
  let closed: ReadonlyMap<string, string>

  const linesOf = (stdout: string): ReadonlyMap<string, string> =>
    new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map(line => [/^(?:ok|FAILED) ([^:]*)/.exec(line)?.[1] ?? line, line]),
    )
  const script = async (each: Readonly<Record<string, string>>, host: string, options: string): Promise<string> => {
    const { sshd } = stage
    return checkScript(each, { host, options, port: sshd.port, user: sshd.user, server: sshd.dir, ports: await freePorts(3) })
  }

  before(async () => {
    stage = await openSshStage('matrix-web', '127.0.0.2')
    const noForwards = `${EVERYTHING}\n  - { name: no-forwards, ssh: { requests: [forward, agent, x11] }, then: deny }`
    // Without masks: 20 MB of random bytes hold what looks like an address.
    const [directly, all, forwards] = await Promise.all([
      script(checks, 'direct', `-F ${stage.directConfig}`),
      script(checks, 'matrix-web', ''),
      script(forwardChecks, 'matrix-web', ''),
    ])
    const ran = await Promise.all([
      run('bash', ['-c', directly], stage.dir, {}),
      stage.exec(['bash', '-c', all], EVERYTHING).then(async open => {
        const some = await stage.exec(['bash', '-c', forwards], noForwards)
        return [open, some]
      }),
    ])
    direct = linesOf(ran[0].stdout)
    ;[through, closed] = ran[1].map(({ stdout }) => linesOf(stdout)) as [ReadonlyMap<string, string>, ReadonlyMap<string, string>]
  })
  after(() => stage.close())

  for (const name of Object.keys(checks)) {
    it(`${name}: directly as through the gateway`, () => {
      assert.equal(direct.get(name), `ok ${name}`)
      assert.equal(through.get(name), `ok ${name}`)
    })
  }

  for (const name of Object.keys(forwardChecks)) {
    it(`${name}: closed where the policy says so`, () => {
      assert.match(closed.get(name) ?? '', /^FAILED /)
    })
  }
})
