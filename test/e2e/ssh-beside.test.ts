// Two runs of one user at the same time, each with a connection called `web`, to hosts of their own: the built cli and plain ssh, in a home of their own.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { startIssuer, type Issuer } from '../../world/issuer/issuer.ts'
import { startSshd, type SshServer } from '../../world/sshd/server.ts'
import { inOwnHome } from './own-home.ts'
import { cli } from './ssh-stage.ts'

/** A run whose command is a shell that is told line by line what to do. */
interface Beside {
  readonly child: ChildProcess
  /** Runs a line in the run's own command; what it says. */
  say(line: string): Promise<string>
  end(): Promise<number | null>
}

describe('two runs of one user at the same time', () => {
  let dir: string
  let home: string
  let issuer: Issuer
  let hosts: readonly SshServer[]
  const begun: ChildProcess[] = []
  before(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-beside-'))
    home = path.join(dir, 'home')
    issuer = await startIssuer()
    hosts = await Promise.all([startSshd(), startSshd()])
  })
  after(async () => {
    for (const { pid, exitCode, signalCode } of begun)
      if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL')
    await Promise.all([issuer.stop(), ...hosts.map(host => host.stop())])
    rmSync(dir, { recursive: true, force: true })
  })

  const begin = async (which: number): Promise<Beside> => {
    const sshd = hosts[which]
    assert.ok(sshd)
    const [config, token] = [path.join(dir, `policy-${which}.yml`), path.join(dir, `token-${which}`)]
    writeFileSync(
      config,
      `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  web: { protocol: ssh, address: "127.0.0.1:${sshd.port}", user: ${sshd.user}, host-keys: ["${sshd.fingerprint}"], credential: "env://WEB_KEY", groups: [shop] }
rules:
  - { name: words, on: [web], ssh: { requests: [exec], programs: [echo] }, then: allow }
`,
    )
    writeFileSync(token, issuer.mint({ aud: 'sallyport', repository: 'acme/shop', event_name: 'push' }))
    const args = ['exec', '--config', config, '--token-file', token, '--out', path.join(dir, `rec-${which}`), '--', 'sh', '-c']
    const shell = 'echo ready; while read -r line; do eval "$line" 2>&1; echo "done $?"; done'
    const [program, words] = inOwnHome(home, process.execPath, [cli, ...args, shell])
    rmSync(path.join(dir, `rec-${which}`), { recursive: true, force: true })
    const child = spawn(program, [...words], {
      env: { PATH: process.env['PATH'] ?? '', WEB_KEY: sshd.privateKey },
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    })
    begun.push(child)
    const exited = once(child, 'exit')
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = async (): Promise<string> => (await lines.next()).value ?? 'done -'
    assert.equal(await next(), 'ready')
    return {
      child,
      say: async line => {
        child.stdin.write(`${line}\n`)
        const said: string[] = []
        for (let one = await next(); ; one = await next()) {
          said.push(one)
          if (one.startsWith('done ')) return said.join('\n')
        }
      },
      end: async () => {
        child.stdin.end()
        return ((await exited) as [number | null])[0]
      },
    }
  }

  const found = (text: string | null): void => {
    rmSync(home, { recursive: true, force: true })
    mkdirSync(path.join(home, '.ssh'), { recursive: true, mode: 0o700 })
    if (text !== null) writeFileSync(path.join(home, '.ssh', 'config'), text)
  }
  const config = (): string | null => {
    const file = path.join(home, '.ssh', 'config')
    return existsSync(file) ? readFileSync(file, 'utf8') : null
  }
  const logins = (): readonly number[] => hosts.map(host => host.log().match(/Accepted publickey/g)?.length ?? 0)
  /** Each reaches its own host, once. */
  const reach = async (run: Beside, which: number, word: string): Promise<void> => {
    const before = logins()
    assert.equal(await run.say(`ssh -n web 'echo ${word}'`), `${word}\ndone 0`)
    assert.deepEqual(
      logins(),
      before.map((count, index) => count + (index === which ? 1 : 0)),
    )
  }
  const recorded = (which: number): string => readFileSync(path.join(dir, `rec-${which}`, 'events.jsonl'), 'utf8')

  for (const order of [
    [0, 1],
    [1, 0],
  ] as const) {
    it(`both reach their own host and record their own commands, and the configuration is as found when run ${order[0]} ends first`, async () => {
      for (const text of ['Host other\n  Port 2022', null]) {
        found(text)
        const runs = [await begin(0), await begin(1)]
        await reach(runs[0] as Beside, 0, 'first')
        await reach(runs[1] as Beside, 1, 'second')
        await reach(runs[0] as Beside, 0, 'again')
        assert.equal(await runs[order[0]]?.end(), 0)
        await reach(runs[order[1]] as Beside, order[1], 'alone')
        assert.equal(await runs[order[1]]?.end(), 0)
        assert.equal(config(), text)
        assert.match(recorded(0), /echo first/)
        assert.doesNotMatch(recorded(0), /echo second/)
        assert.match(recorded(1), /echo second/)
        assert.doesNotMatch(recorded(1), /echo (?:first|again)/)
      }
    })
  }

  it('the one goes on when the other is killed, and the configuration is as found in the end', async () => {
    for (const killed of [0, 1]) {
      const text = 'Host other\n  Port 2022\n'
      found(text)
      const runs = [await begin(0), await begin(1)]
      const living = runs[1 - killed] as Beside
      const victim = runs[killed] as Beside
      const gone = once(victim.child, 'exit')
      // The whole run, gateway and all.
      process.kill(-(victim.child.pid ?? 0), 'SIGKILL')
      await gone
      await reach(living, 1 - killed, 'alone')
      assert.equal(await living.end(), 0)
      assert.equal(config(), text)
    }
  })
})
