import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import ssh2 from 'ssh2'
import type { ClientChannel } from 'ssh2'
import { HIDDEN } from '../../../gateway/engine/ssh/typed-input.ts'
import { startSshd } from '../../../world/sshd/server.ts'
import { approved, rejected } from '../../session/people.ts'
import { sshGatewayThat } from './gateway-that.ts'
import type { SshGateway } from './gateway-that.ts'
import { sshdStage } from './sshd-stage.ts'

interface Person {
  readonly channel: ClientChannel
  /** Waits until the terminal shows the text. */
  sees(text: string | RegExp): Promise<void>
  types(text: string): void
  leave(): void
}

/** A person at a terminal, by a client library: keys and sizes as they come. */
async function personAt(gateway: SshGateway, user: string, command: string | null): Promise<Person> {
  const client = new ssh2.Client()
  client.connect({ host: '127.0.0.1', port: gateway.port, username: user, password: gateway.ticket })
  client.on('error', () => {})
  await once(client, 'ready')
  const pty = { rows: 24, cols: 80, width: 0, height: 0, term: 'xterm' }
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    const opened = (error: Error | undefined, made: ClientChannel): void => (error === undefined ? resolve(made) : reject(error))
    if (command === null) client.shell({ ...pty, modes: { VERASE: 8 } } as never, opened)
    else client.exec(command, { pty }, opened)
  })
  let shown = ''
  let from = 0
  const waiting: (() => void)[] = []
  const take = (chunk: Buffer): void => {
    shown += chunk.toString()
    for (const look of waiting.splice(0)) look()
  }
  channel.on('data', take)
  channel.stderr.on('data', take)
  channel.on('error', () => {})
  return {
    channel,
    async sees(text) {
      for (;;) {
        const rest = shown.slice(from)
        const at = typeof text === 'string' ? rest.indexOf(text) : rest.search(text)
        if (at !== -1) {
          from += at + (typeof text === 'string' ? text.length : (text.exec(rest)?.[0].length ?? 0))
          return
        }
        await new Promise<void>(resolve => waiting.push(resolve))
      }
    },
    types: text => void channel.write(text),
    leave: () => client.end(),
  }
}

describe('a terminal through the gateway', () => {
  const stage = sshdStage()
  const { gatewayThat } = stage

  it('is kept as its client saw it: output, sizes, and lines that were typed, without the answer to a password prompt', async () => {
    const gateway = await gatewayThat()
    const person = await personAt(gateway, stage.sshd.user, null)
    await person.sees(/[$#] /)
    person.types("PS1='now> '\r")
    await person.sees(/[\nh]now> /)
    person.types('stty size\r')
    await person.sees('24 80')
    person.channel.setWindow(40, 132, 0, 0)
    await person.sees('now> ')
    person.types('stty size\r')
    await person.sees('40 132')
    await person.sees('now> ')
    person.types('read -rsp \'Password: \' x; echo " $x." | rev\r')
    await person.sees(/[\r\n]Password: /)
    person.types('hunter2\r')
    await person.sees('.2retnuh')
    person.types('exit 3\r')
    const [status] = await once(person.channel, 'close')
    assert.equal(status, 3)
    const [terminal] = gateway.recorder.terminals
    assert.ok(terminal !== undefined && terminal.isClosed)
    assert.deepEqual(terminal.size, { columns: 80, rows: 24 })
    assert.deepEqual(terminal.sizes, [{ columns: 132, rows: 40 }])
    const input = Buffer.from(terminal.input, 'latin1').toString()
    assert.ok(input.includes('stty size\r') && input.endsWith(`${HIDDEN}\rexit 3\r`), input)
    assert.ok(!input.includes('hunter2') && !terminal.output.includes('hunter2'))
    assert.ok(terminal.output.includes('24 80') && terminal.output.includes('40 132'))
    assert.equal(gateway.recorder.of('rows').length, 0)
    assert.match(gateway.recorder.of('result')[0]?.tag ?? '', /^exit 3, /)
    person.leave()
  })

  it('has the modes that its client asked for', async () => {
    const gateway = await gatewayThat()
    const person = await personAt(gateway, stage.sshd.user, null)
    person.types('stty -a\r')
    await person.sees('erase = ^H')
    person.leave()
  })

  it('is masked on the screen and in what was typed', async () => {
    const gateway = await gatewayThat({ masks: ['{ name: cards, patterns: [credit-card], with: redact }'] })
    const person = await personAt(gateway, stage.sshd.user, null)
    await person.sees(/[$#] /)
    person.types('echo 4111 1111 1111 1111\r')
    await person.sees(/[\r\n]\[redacted\]/)
    person.types('exit\r')
    await once(person.channel, 'close')
    const [terminal] = gateway.recorder.terminals
    assert.ok(!(terminal?.input ?? '').includes('4111'), terminal?.input)
    assert.ok((terminal?.input ?? '').includes('echo [redacted]\r'), terminal?.input)
    person.leave()
  })

  it('is held, refused or opened as a whole', async () => {
    const gateway = await gatewayThat({ rules: ['{ name: ask-shells, ssh: { requests: [shell] }, then: ask, approvers: ops }'] })
    const first = await personAt(gateway, stage.sshd.user, null)
    await first.sees('held by rule ask-shells')
    ;(await gateway.people.request(1)).answer(rejected)
    await first.sees('rejected by @dana')
    first.leave()
    const mark = path.join(stage.sshd.dir, 'typed-mark')
    const second = await personAt(gateway, stage.sshd.user, null)
    await second.sees('held by rule ask-shells')
    second.types(`touch ${mark}; echo d""one\r`)
    const asked = await gateway.people.request(2)
    assert.equal(existsSync(mark), false)
    asked.answer(approved)
    await second.sees(/[\r\n]done/)
    assert.equal(existsSync(mark), true)
    second.leave()
    const denied = await personAt(
      await gatewayThat({ rules: ['{ name: run, ssh: { requests: [exec] }, then: allow }'] }),
      stage.sshd.user,
      null,
    )
    await denied.sees('denied by rule default')
    denied.leave()
    assert.equal(gateway.recorder.terminals.length, 1)
  })

  it('does not open when it cannot be recorded, and ends when it no longer can', async () => {
    const gateway = await gatewayThat()
    const person = await personAt(gateway, stage.sshd.user, 'echo ready; cat; true')
    await person.sees('ready')
    gateway.recorder.hasFailed = true
    person.types('echo more\r')
    await once(person.channel, 'close')
    const other = await gatewayThat()
    other.recorder.failAt(({ kind }) => kind === 'command')
    const refused = await personAt(other, stage.sshd.user, 'echo ready')
    await once(refused.channel, 'close')
    assert.equal(other.recorder.terminals.length, 0)
    person.leave()
    refused.leave()
  })

  it('opens no program with a pager under a rule for programs: whoever sits there could run others from it', async () => {
    const gateway = await gatewayThat({
      rules: ['{ name: looking, ssh: { requests: [exec], programs: [git, systemctl, ls] }, then: allow }'],
    })
    for (const [command, status] of [
      ['git log', 126],
      ['systemctl status x', 126],
      ['ls /', 0],
    ] as const) {
      const ran = await gateway.client('ssh', ['-tt', 'web', command], '')
      assert.equal(ran.status, status, command)
      if (status === 126) assert.match(`${ran.stdout.toString()}${ran.stderr}`, /denied by rule default/)
    }
    assert.equal((await gateway.client('ssh', ['-n', 'web', 'git --version'], null)).status, 0)
    assert.equal(gateway.recorder.terminals.length, 1)
  })

  it('runs a command that a target denies a terminal, as it does directly', async () => {
    const strict = await startSshd({ settings: ['PermitTTY no'] })
    try {
      const gateway = await sshGatewayThat({ sshd: strict })
      const ran = await gateway.client('ssh', ['-tt', 'web', 'tty; echo ran'], '')
      assert.equal(ran.stdout.toString(), 'not a tty\nran\n')
      assert.match(ran.stderr, /sallyport: the target refused a terminal/)
      await gateway.stop()
    } finally {
      await strict.stop()
    }
  })

  it('keeps what a shell without a terminal is fed', async () => {
    const gateway = await gatewayThat({ masks: ['{ name: mails, patterns: [email], with: redact }'] })
    const ran = await gateway.client('ssh', ['-T', 'web'], 'echo from a shell\n: ada@canary.example\n')
    assert.equal(ran.stdout.toString(), 'from a shell\n')
    assert.deepEqual(gateway.recorder.of('rows')[0]?.rows, [
      ['stdin', 'echo from a shell'],
      ['stdin', ': [redacted]'],
      ['stdout', 'from a shell'],
    ])
  })
})

describe('a client that leaves', () => {
  const stage = sshdStage()
  const { gatewayThat } = stage

  it('leaves a result of what it ran, before the end of its session', async () => {
    const gateway = await gatewayThat()
    const person = await personAt(gateway, stage.sshd.user, 'echo begun; sleep 60')
    await person.sees('begun')
    person.leave()
    const result = await gateway.recorder.seen(({ kind }) => kind === 'result')
    assert.match(result.kind === 'result' ? result.tag : '', /^the client left before the end, /)
    await gateway.recorder.seen(({ kind }) => kind === 'session.close')
    const kinds = gateway.recorder.kept.map(({ event }) => event.kind)
    assert.ok(kinds.indexOf('result') < kinds.indexOf('session.close'))
    assert.equal(gateway.recorder.terminals[0]?.isClosed, true)
    await gateway.stop()
  })

  it('runs nothing later when it leaves while people are asked, even if the connection stays', async () => {
    const gateway = await gatewayThat({ rules: ['{ name: ask-first, then: ask, approvers: ops }'] })
    const mark = path.join(stage.sshd.dir, 'left-mark')
    const client = new ssh2.Client()
    client.connect({ host: '127.0.0.1', port: gateway.port, username: stage.sshd.user, password: gateway.ticket })
    await once(client, 'ready')
    const channel = await new Promise<ClientChannel>((resolve, reject) =>
      client.exec(`touch ${mark}`, (error, made) => (error === undefined ? resolve(made) : reject(error))),
    )
    const asked = await gateway.people.request(1)
    channel.write('unread')
    channel.close()
    if (!asked.signal.aborted) await once(asked.signal, 'abort')
    asked.answer(approved)
    await gateway.recorder.seen(({ kind }) => kind === 'answer')
    client.end()
    await gateway.stop()
    assert.equal(existsSync(mark), false)
  })
})
