import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { run } from './exec-stage.ts'
import { checkScript, forwardChecks, sshChecks } from './ssh-checks.ts'
import { openSshStage, type SshStage } from './ssh-stage.ts'

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
  const script = (each: Readonly<Record<string, string>>, host: string, options: string): string => {
    const { sshd } = stage
    return checkScript(each, { host, options, port: sshd.port, user: sshd.user, server: sshd.dir })
  }

  before(async () => {
    stage = await openSshStage()
    const noForwards = `${EVERYTHING}\n  - { name: no-forwards, ssh: { requests: [forward, agent, x11] }, then: deny }`
    // Without masks: 20 MB of random bytes hold what looks like an address.
    const ran = await Promise.all([
      run('bash', ['-c', script(checks, 'direct', `-F ${stage.directConfig}`)], stage.dir, {}),
      stage.exec(['bash', '-c', script(checks, 'web', '')], EVERYTHING).then(async all => {
        const some = await stage.exec(['bash', '-c', script(forwardChecks, 'web', '')], noForwards)
        return [all, some]
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
