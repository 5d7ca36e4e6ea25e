import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { approved, expired, rejected } from '../../session/people.ts'
import { runProgram } from './gateway-that.ts'
import { sshdStage } from './sshd-stage.ts'

const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe('ssh through the gateway', () => {
  const stage = sshdStage()
  const { gatewayThat } = stage

  it('keeps stdout, stderr and the exit status apart, and records all three', async () => {
    const gateway = await gatewayThat()
    const ran = await gateway.ssh('echo out; echo err >&2; exit 42')
    assert.deepEqual([ran.status, ran.stdout.toString(), ran.stderr], [42, 'out\n', 'err\n'])
    const [rows] = gateway.recorder.of('rows')
    assert.deepEqual(rows?.rows.toSorted(), [
      ['stderr', 'err'],
      ['stdout', 'out'],
    ])
    assert.match(gateway.recorder.of('result')[0]?.tag ?? '', /^exit 42, 0 bytes in, 4 out, 4 err$/)
  })

  it('passes 20 MB on stdout and 20 MB on stderr at once, byte by byte', async () => {
    const gateway = await gatewayThat()
    const file = path.join(stage.sshd.dir, 'big')
    const bytes = randomBytes(20_000_000)
    writeFileSync(file, bytes)
    const ran = await gateway.client('ssh', ['-n', 'web', `cat ${file} & cat ${file} >&2; wait`], null)
    assert.equal(sha(ran.stdout), sha(bytes))
    assert.equal(ran.stderr.length > 0, true)
  })

  it('loses nothing of stdin, whether it ends at once or stays open', async () => {
    const gateway = await gatewayThat()
    const bytes = randomBytes(3_000_000)
    assert.equal(sha((await gateway.ssh('cat', bytes)).stdout), sha(bytes))
    assert.equal((await gateway.client('ssh', ['web', 'echo no input'], '')).stdout.toString(), 'no input\n')
    assert.equal((await gateway.ssh('sort; echo done', 'b\na\n')).stdout.toString(), 'a\nb\ndone\n')
  })

  it('ends a command by a signal as it does directly', async () => {
    const gateway = await gatewayThat()
    assert.equal((await gateway.ssh('kill -TERM $$')).status, 255)
    assert.match(gateway.recorder.of('result')[0]?.tag ?? '', /^signal TERM/)
  })

  it('ends a command whose output nobody reads', async () => {
    const gateway = await gatewayThat()
    const line = ['ssh', ...gateway.config, '-n web yes | head -1; echo "${PIPESTATUS[0]}"'].join(' ')
    const ran = await runProgram('bash', ['-c', line], null)
    assert.equal(ran.stdout.toString(), 'y\n255\n')
    assert.match(gateway.recorder.of('result')[0]?.tag ?? '', /^signal PIPE/)
  })

  it('denies with status 126 and says why, and the target hears nothing', async () => {
    const gateway = await gatewayThat({ rules: ['{ name: looking, ssh: { requests: [exec], programs: [ls, echo] }, then: allow }'] })
    const mark = path.join(stage.sshd.dir, 'denied-mark')
    for (const command of [`touch ${mark}`, `echo x > ${mark}`, `echo $(touch ${mark})`, `$(echo touch) ${mark}`]) {
      const ran = await gateway.ssh(command)
      assert.equal(ran.status, 126, command)
      assert.match(ran.stderr, /^sallyport: denied by rule default: /)
    }
    assert.equal(existsSync(mark), false)
    assert.equal((await gateway.ssh('ls / | echo fine')).stdout.toString(), 'fine\n')
    assert.deepEqual(
      gateway.recorder.of('decision').map(({ outcome }) => outcome),
      ['deny', 'allow', 'deny', 'deny', 'deny', 'allow'],
    )
  })

  it('refuses a command with characters that cannot be shown, whatever the rules say', async () => {
    const gateway = await gatewayThat()
    for (const command of ['echo safe \u202e ; true', 'echo \u0007', 'echo \r']) {
      const ran = await gateway.ssh(command)
      assert.equal(ran.status, 126)
      assert.match(ran.stderr, /cannot be shown \(U\+/)
    }
    assert.equal(gateway.recorder.of('command').length, 0)
    assert.equal(gateway.recorder.of('error').length, 3)
  })

  it('holds a command, says so at once, keeps its stdin, and runs it after the approval', async () => {
    const gateway = await gatewayThat({ rules: ['{ name: ask-first, then: ask, approvers: ops, because: Look twice. }'] })
    const mark = path.join(stage.sshd.dir, 'held-mark')
    const running = gateway.ssh(`cat > ${mark}; echo ran`, 'from stdin')
    const asked = await gateway.people.request(1)
    assert.equal(existsSync(mark), false)
    asked.answer(approved)
    const ran = await running
    assert.equal(ran.stdout.toString(), 'ran\n')
    assert.match(ran.stderr, /^sallyport: held by rule ask-first.*waiting for approval ABCD-2345 by dba until .*UTC/)
    assert.equal(readFileSync(mark, 'utf8'), 'from stdin')
    rmSync(mark)
  })

  it('runs nothing that was rejected, or that nobody answered', async () => {
    const gateway = await gatewayThat({ rules: ['{ name: ask-first, then: ask, approvers: ops }'] })
    const mark = path.join(stage.sshd.dir, 'rejected-mark')
    for (const [index, verdict] of [rejected, expired].entries()) {
      const running = gateway.ssh(`touch ${mark}`)
      ;(await gateway.people.request(index + 1)).answer(verdict)
      const ran = await running
      assert.equal(ran.status, 126)
      assert.match(ran.stderr, /sallyport: (rejected by @dana: not today|expired: nobody answered)/)
    }
    assert.equal(existsSync(mark), false)
  })

  it('runs nothing and ends with 255 when the recording cannot be written', async () => {
    const gateway = await gatewayThat()
    gateway.recorder.failAt(({ kind }) => kind === 'command')
    const mark = path.join(stage.sshd.dir, 'unrecorded-mark')
    const ran = await gateway.ssh(`touch ${mark}`)
    assert.equal(ran.status, 255)
    assert.equal(existsSync(mark), false)
  })

  it('masks values across the borders of chunks, and leaves the rest byte for byte', async () => {
    const gateway = await gatewayThat({ masks: ['{ name: mails, patterns: [email], with: redact }'] })
    const ran = await gateway.ssh(
      `printf 'ada@canary'; sleep 0.1; printf '.example and \\033[1mbob\\033[0m@canary.example\\n\\377\\376 kept\\n'`,
    )
    assert.equal(ran.stdout.includes('canary'), false)
    assert.ok(ran.stdout.includes(Buffer.from([0xff, 0xfe])))
    assert.ok(!JSON.stringify(gateway.recorder.of('rows')).includes('canary'))
    assert.equal(gateway.recorder.of('mask')[0]?.values, 2)
  })

  it('does not pass on variables that choose what a shell runs', async () => {
    const gateway = await gatewayThat()
    const ran = await gateway.client('ssh', ['-n', '-o', 'SetEnv=BASH_ENV=/tmp/x FOO_A=seen', 'web', 'echo $FOO_A-$BASH_ENV'], null)
    assert.equal(ran.stdout.toString(), 'seen-\n')
  })

  it('refuses agent and remote forwarding, and destinations that no rule allows', async () => {
    const gateway = await gatewayThat({
      rules: [
        '{ name: run, ssh: { requests: [exec] }, then: allow }',
        `{ name: tunnel, ssh: { requests: [forward], commands: ["tcp 127.0.0.1:${stage.sshd.port}"] }, then: allow }`,
      ],
    })
    const allowed = await gateway.client('ssh', ['-W', `127.0.0.1:${stage.sshd.port}`, 'web'], '')
    assert.match(allowed.stdout.toString(), /^SSH-2\.0-OpenSSH/)
    const refused = await gateway.client('ssh', ['-W', '127.0.0.1:1', 'web'], '')
    assert.match(refused.stderr, /open failed|forwarding failed/)
    const remote = await gateway.client('ssh', ['-n', '-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', 'web', 'true'], null)
    assert.equal(remote.status, 255)
  })

  it('takes a login name other than the connection’s for a mistake', async () => {
    const gateway = await gatewayThat()
    const ran = await gateway.client('ssh', ['-n', 'somebody@web', 'true'], null)
    assert.equal(ran.status, 255)
    assert.match(ran.stderr, /logs in as .* and as nobody else/)
  })
})
