// `isolation: user` on this machine, with a job user like GitHub's: the Action's bundles, a small gateway that holds a canary.
import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { runWorkflow, type JobRun } from '../../world/runner/runner.ts'
import { makeJobUser, noUsersHere, turnAtUsers, type JobUser } from './isolated-job.ts'
import { makeSmallAction, services } from './small-action.ts'

describe('isolation: user', { skip: noUsersHere }, () => {
  let action: string
  let runner: JobUser
  let leave: () => void
  before(async () => {
    leave = await turnAtUsers()
    runner = makeJobUser(true)
    action = await makeSmallAction()
  })
  after(() => {
    runner.remove()
    rmSync(action, { recursive: true, force: true })
    leave()
  })

  async function run(steps: string, user: JobUser = runner): Promise<JobRun> {
    const job = await runWorkflow({ workflow: steps, action, services, user })
    job.remove()
    return job
  }
  const guard = `{ uses: acme/sallyport@v1, env: { CANARY: feather-9917 } }`
  /** Finds the gateway as any process of the job could: by its command line. */
  const find = 'gateway=$(pgrep -f "^/var/lib/sallyport-[0-9a-f]*/node ")'

  it('keeps memory, environment, descriptors and signals of the gateway from the job', async () => {
    const job = await run(`
- ${guard}
- run: |
    ${find}
    for file in mem environ maps; do head -c 1 /proc/$gateway/$file > /dev/null 2>&1 && echo "read $file" || echo "no $file"; done
    ls /proc/$gateway/fd > /dev/null 2>&1 && echo "read fd" || echo "no fd"
    for signal in USR1 STOP TERM KILL; do kill -$signal $gateway 2> /dev/null && echo "sent $signal" || echo "no $signal"; done
    (exec 3<> /dev/tcp/127.0.0.1/9229) 2> /dev/null && echo inspector || echo "no inspector"
    ls /var/lib/sallyport-*/private > /dev/null 2>&1 && echo "read private" || echo "no private"
    env PGPASSWORD= true; echo "$PGHOST"
`)
    assert.equal(job.conclusion, 'success', job.log)
    assert.deepEqual(job.steps[1]?.log, [
      ...['mem', 'environ', 'maps', 'fd', 'USR1', 'STOP', 'TERM', 'KILL', 'inspector', 'private'].map(what => `no ${what}`),
      '127.0.0.1',
    ])
  })

  it('takes sudo from the job while the gateway lives, and gives it back at the end', async () => {
    const job = await run(`
- { run: sudo -n true && echo before }
- ${guard}
- { run: 'for try in "true" "-u root true" "-u nobody true" "su" "-i"; do sudo -n $try < /dev/null > /dev/null 2>&1 && echo "got $try"; done; echo asked' }
`)
    assert.deepEqual(job.steps[0]?.log, ['before'])
    assert.deepEqual(job.steps[2]?.log, ['asked'])
    const after = await run(`[{ run: sudo -n true && echo back }]`)
    assert.deepEqual(after.steps[0]?.log, ['back'])
    assert.deepEqual(leftovers(), [])
  })

  it(
    'closes the sockets of container engines for the job, and opens them again',
    { skip: existsSync('/run/docker.sock') && 'a real engine is here' },
    async () => {
      const server = createServer().listen('/run/docker.sock')
      await new Promise(resolve => server.once('listening', resolve))
      chmodSync('/run/docker.sock', 0o666)
      try {
        const look = `{ run: 'stat -c %a:%u /run/docker.sock; test -w /run/docker.sock && echo open || echo closed' }`
        const job = await run(`[${look}, ${guard}, ${look}]`)
        assert.deepEqual(job.steps[0]?.log, ['666:0', 'open'])
        assert.deepEqual(job.steps[2]?.log, ['600:0', 'closed'])
        assert.deepEqual((await run(`[${look}]`)).steps[0]?.log, ['666:0', 'open'])
      } finally {
        server.close()
      }
    },
  )

  it('runs a step as another user, without what it takes to mint a token, but with the endpoint', async () => {
    const job = await run(`
- ${guard}
- shell: sallyport {0}
  env: { MINE: kept }
  run: |
    id -un | sed 's/-[0-9a-f]*$//'
    env | grep -c -E '^(ACTIONS_|INPUT_)' || true
    cat /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n' | grep -c '^ACTIONS_ID_TOKEN_REQUEST_TOKEN=request-token' || true
    echo "$PGHOST $MINE $PWD" | sed "s#$GITHUB_WORKSPACE#workspace#"
    head -1 "$PGSERVICEFILE"
    sudo -n true 2> /dev/null && echo root || echo "no sudo"
- { shell: 'sallyport {0}', run: 'false; echo never', continue-on-error: true }
`)
    assert.deepEqual(job.steps[1]?.log, ['sallyport-step', '0', '0', '127.0.0.1 kept workspace', '[orders-db]', 'no sudo'])
    assert.equal(job.steps[2]?.outcome, 'failure')
    assert.deepEqual(job.steps[2]?.log, [])
    assert.equal(job.conclusion, 'success', job.log)
  })

  it('gives ssh its hosts in every step, of the job’s user and of the other one, and leaves both configurations as they were', async () => {
    const config = `${runner.home}/.ssh/config`
    const look =
      'ssh -GT web | grep -E "^(hostname|port|user|stricthostkeychecking) "; key=$(ssh -GT web | sed -n "s/^identityfile //p"); ssh-keygen -yf "$key" | cut -d" " -f1; ssh -GT other | grep "^port "'
    mkdirSync(`${runner.home}/.ssh`, { mode: 0o700 })
    writeFileSync(config, 'Host other\n  Port 2022', { mode: 0o600 })
    for (const path of [`${runner.home}/.ssh`, config]) chownSync(path, runner.uid, runner.gid)
    const before = statSync(config)
    const job = await run(`
- { uses: acme/sallyport@v1, env: { CANARY: feather-9917, SSH: 'yes' } }
- { run: '${look}' }
- shell: sallyport {0}
  run: |
    mkdir -p ~/.ssh; printf 'Host other\\n  Port 2023\\n' >> ~/.ssh/config
    ${look}
- { shell: 'sallyport {0}', run: 'grep -c Include ~/.ssh/config; ssh -GT other | grep "^port "' }
`)
    const hosts = (port: string): string[] => [
      'user deploy',
      'hostname 127.0.0.1',
      'port 2222',
      'stricthostkeychecking true',
      'ecdsa-sha2-nistp256',
      port,
    ]
    assert.deepEqual(job.steps[1]?.log.toSorted(), hosts('port 2022').toSorted(), job.log)
    assert.deepEqual(job.steps[2]?.log.toSorted(), hosts('port 2023').toSorted(), job.log)
    assert.deepEqual(job.steps[3]?.log, ['1', 'port 2023'])
    assert.equal(job.conclusion, 'success', job.log)
    assert.equal(readFileSync(config, 'utf8'), 'Host other\n  Port 2022')
    assert.deepEqual([statSync(config).mode, statSync(config).uid, statSync(config).ino], [before.mode, before.uid, before.ino])
    assert.deepEqual(leftovers(), [])
  })

  it('leaves no user, file, rule or process behind, whether the gateway ends or dies', async () => {
    const job = await run(`[${guard}, { shell: 'sallyport {0}', run: 'setsid sleep 600 > /dev/null 2>&1 &' }]`)
    assert.equal(job.conclusion, 'success', job.log)
    assert.deepEqual(leftovers(), [])
  })

  it('refuses to start where there is no root to be had, and leaves nothing behind', async () => {
    const plain = makeJobUser(false)
    try {
      const job = await run(`[${guard}, { if: always(), run: 'echo "[$PGHOST]"' }]`, plain)
      assert.match(job.steps[0]?.annotations[0]?.message ?? '', /^SALLYPORT-E18 isolation: user is not possible here: .*\nwhy: [^]*\nfix: /)
      assert.deepEqual(job.steps[1]?.log, ['[]'])
      assert.deepEqual(leftovers(), [])
    } finally {
      plain.remove()
    }
  })
})

/** Everything that `isolation: user` makes on a machine. */
function leftovers(): string[] {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('sallyport-'))
  const folders = readdirSync('/var/lib').filter(name => name.startsWith('sallyport-'))
  const rules = readdirSync('/etc/sudoers.d').filter(name => name.startsWith('zzz-sallyport-'))
  return [...users, ...folders, ...rules]
}
