import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { excludeSshConfig, includeSshConfig } from '../../gateway/control/ssh-client-config.ts'

describe('a user’s ssh configuration', () => {
  let home: string
  let file: string
  beforeEach(() => {
    home = mkdtempSync(path.join(os.tmpdir(), 'sallyport-home-'))
    file = path.join(home, '.ssh', 'config')
  })
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  /** The folder of a run's client files; `dies` takes it away as the end of a job does, without a word to the configuration. */
  const run = (name: string): { dir: string; dies: () => void } => {
    const dir = path.join(home, name)
    mkdirSync(dir)
    writeFileSync(path.join(dir, 'ssh_config'), 'Host web\n')
    return { dir, dies: () => rmSync(dir, { recursive: true }) }
  }
  /** The same with a door that is open. */
  const runAt = (name: string, host: string, port: number): { dir: string } => {
    const { dir } = run(name)
    writeFileSync(path.join(dir, 'ssh_config'), `Host ${host}\n  HostName 127.0.0.1\n  Port ${port}\n`)
    return { dir }
  }
  const openDoor = async (): Promise<net.Server> => {
    const door = net.createServer().listen(0, '127.0.0.1')
    await once(door, 'listening')
    return door
  }
  const portOf = (door: net.Server): number => (door.address() as net.AddressInfo).port
  const closeDoor = async (door: net.Server | undefined): Promise<void> => {
    door?.close()
    if (door !== undefined) await once(door, 'close')
  }
  const found = (text: string): void => {
    mkdirSync(path.dirname(file), { mode: 0o700 })
    writeFileSync(file, text, { encoding: 'latin1', mode: 0o640 })
  }

  it('knows the run’s hosts first, and is byte for byte as it was found when the run is over', () => {
    for (const text of ['Host other\n  Port 2022', '', '\n', '# caf\u00e9 \u00ff\r\nHost *\r\n', 'Include x\n# begin sallyport\n']) {
      found(text)
      const before = statSync(file)
      const { dir } = run('one')
      includeSshConfig(home, dir, null)
      assert.ok(readFileSync(file, 'latin1').startsWith(`# begin sallyport: for this run only\nInclude "${dir}/ssh_config"\n`))
      excludeSshConfig(home, dir)
      assert.equal(readFileSync(file, 'latin1'), text)
      assert.deepEqual([statSync(file).ino, statSync(file).mode], [before.ino, before.mode])
      rmSync(path.dirname(file), { recursive: true })
      rmSync(dir, { recursive: true })
    }
  })

  it('leaves an empty folder that it found', () => {
    mkdirSync(path.dirname(file), { mode: 0o755 })
    const { dir } = run('one')
    includeSshConfig(home, dir, null)
    excludeSshConfig(home, dir)
    assert.deepEqual(readdirSync(path.dirname(file)), [])
    assert.equal(statSync(path.dirname(file)).mode & 0o777, 0o755)
  })

  it('loses nothing when many runs come and go at the same moment', async () => {
    for (const text of ['Host other\n  Port 2022\n'.repeat(200), null]) {
      if (text !== null) found(text)
      const ended = Array.from({ length: 4 }, (_, index) => {
        const { dir } = run(`many-${index}`)
        // Each round: the own piece is there while the run goes on, and the user's text always.
        const child = spawn(process.execPath, [path.join(import.meta.dirname, 'come-and-go.ts'), home, dir, '10'], { stdio: 'inherit' })
        return once(child, 'exit')
      })
      assert.deepEqual(
        (await Promise.all(ended)).map(([status]) => status),
        ended.map(() => 0),
      )
      assert.equal(existsSync(file) ? readFileSync(file, 'latin1') : null, text)
      rmSync(path.dirname(file), { recursive: true, force: true })
      for (let index = 0; index < 4; index += 1) rmSync(path.join(home, `many-${index}`), { recursive: true })
    }
  })

  it('is as it was found after the last run, when one of two was killed and left its folder behind', async () => {
    const doors = await Promise.all([openDoor(), openDoor()])
    for (const text of ['Host other\n', null]) {
      if (text !== null) found(text)
      const [killed, living] = doors.map((door, index) => runAt(`door-${index}`, 'web', portOf(door)))
      includeSshConfig(home, killed?.dir ?? '', null)
      includeSshConfig(home, living?.dir ?? '', null)
      assert.ok(readFileSync(file, 'utf8').includes(killed?.dir ?? ''))
      await closeDoor(doors[0])
      excludeSshConfig(home, living?.dir ?? '')
      assert.equal(existsSync(file) ? readFileSync(file, 'utf8') : null, text)
      assert.equal(existsSync(path.dirname(file)), text !== null)
      rmSync(path.dirname(file), { recursive: true, force: true })
      for (const each of [killed, living]) rmSync(each?.dir ?? '', { recursive: true })
      doors[0] = await openDoor()
    }
    await Promise.all(doors.map(closeDoor))
  })

  it('leads each of two runs with the same host to its own door, and a process without their variables to the later one', async () => {
    const doors = await Promise.all([openDoor(), openDoor()])
    const [one, two] = doors.map(portOf)
    const both = [runAt('first', 'web', one ?? 0), runAt('second', 'web', two ?? 0)]
    found('IgnoreUnknown OfNoVersion\nHost *\n  ConnectTimeout 7\n  OfNoVersion yes\n')
    for (const { dir } of both) includeSshConfig(home, dir, null)
    const portFor = (environment: NodeJS.ProcessEnv): string => {
      const said = execFileSync('ssh', ['-F', file, '-G', 'web'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { PATH: process.env['PATH'], ...environment },
      })
      assert.match(said, /^connecttimeout 7$/m, 'the rest is read as ever')
      return /^port (\d+)$/m.exec(said)?.[1] ?? ''
    }
    const saying = (port: number | undefined): NodeJS.ProcessEnv => ({ SALLYPORT_WEB_URL: `ssh://ci@127.0.0.1:${port}` })
    assert.equal(portFor(saying(one)), String(one))
    assert.equal(portFor(saying(two)), String(two))
    assert.equal(portFor({ ...saying(one), SHELL: '/bin/false' }), String(two), 'where no shell runs, as without the variable')
    assert.equal(portFor({}), String(two))
    excludeSshConfig(home, both[1]?.dir ?? '')
    assert.doesNotMatch(readFileSync(file, 'utf8'), /Match/)
    assert.equal(portFor({}), String(one))
    excludeSshConfig(home, both[0]?.dir ?? '')
    assert.equal(readFileSync(file, 'utf8'), 'IgnoreUnknown OfNoVersion\nHost *\n  ConnectTimeout 7\n  OfNoVersion yes\n')
    await Promise.all(doors.map(closeDoor))
  })

  it('is not held up by the lock of a run that was killed', () => {
    found('Host other\n')
    const lock = path.join(home, '.sallyport-ssh-config.lock')
    const gone = spawnSync('true').pid
    writeFileSync(lock, String(gone))
    const { dir } = run('one')
    includeSshConfig(home, dir, null)
    assert.ok(readFileSync(file, 'utf8').includes(dir))
    excludeSshConfig(home, dir)
    assert.equal(existsSync(lock), false)
  })

  it('is never written by root through a link that its owner laid to a file of root’s', () => {
    if (process.getuid?.() !== 0) return
    const owner = { uid: 65_534, gid: 65_534 }
    const target = path.join(home, 'of-root')
    writeFileSync(target, 'root only\n', { mode: 0o600 })
    chmodSync(home, 0o777)
    mkdirSync(path.dirname(file))
    chownSync(path.dirname(file), owner.uid, owner.gid)
    symlinkSync(target, file)
    const { dir } = run('one')
    assert.throws(() => includeSshConfig(home, dir, owner), { code: 'UNREADABLE' })
    excludeSshConfig(home, dir, owner)
    assert.equal(readFileSync(target, 'utf8'), 'root only\n')
    assert.equal(process.geteuid?.(), 0)
    assert.equal(process.getegid?.(), 0)
    rmSync(file)
    includeSshConfig(home, dir, owner)
    assert.equal(statSync(file).uid, owner.uid)
    excludeSshConfig(home, dir, owner)
    assert.deepEqual(readdirSync(path.dirname(file)), [])
  })

  it('is gone again where there was none', () => {
    const { dir } = run('one')
    includeSshConfig(home, dir, null)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    excludeSshConfig(home, dir)
    assert.equal(existsSync(path.dirname(file)), false)
  })

  it('keeps what others wrote into it meanwhile, and runs beside each other', () => {
    found('Host other\n')
    const [one, two] = [run('one'), run('two')]
    includeSshConfig(home, one.dir, null)
    includeSshConfig(home, two.dir, null)
    writeFileSync(file, `${readFileSync(file, 'utf8')}Host late\n`)
    excludeSshConfig(home, one.dir)
    assert.ok(readFileSync(file, 'utf8').includes(two.dir))
    excludeSshConfig(home, two.dir)
    excludeSshConfig(home, two.dir)
    assert.equal(readFileSync(file, 'utf8'), 'Host other\nHost late\n')
  })

  it('is cleaned by the next run of what a killed one left, and only of that', () => {
    for (const text of ['Host other\n', null]) {
      if (text !== null) found(text)
      const killed = run('killed')
      includeSshConfig(home, killed.dir, null)
      const living = run('living')
      includeSshConfig(home, living.dir, null)
      killed.dies()
      const next = run('next')
      includeSshConfig(home, next.dir, null)
      assert.ok(!readFileSync(file, 'utf8').includes(killed.dir))
      assert.ok(readFileSync(file, 'utf8').includes(living.dir))
      excludeSshConfig(home, next.dir)
      excludeSshConfig(home, living.dir)
      assert.equal(existsSync(file) ? readFileSync(file, 'utf8') : null, text)
      rmSync(path.dirname(file), { recursive: true, force: true })
      for (const { dir } of [living, next]) rmSync(dir, { recursive: true })
    }
  })

  it('is gone again where there was none, in whatever order two runs end', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const both = [run(`first-${order.join('')}`), run(`second-${order.join('')}`)]
      for (const { dir } of both) includeSshConfig(home, dir, null)
      for (const which of order) excludeSshConfig(home, both[which]?.dir ?? '')
      assert.equal(existsSync(path.dirname(file)), false, order.join())
    }
  })

  it('goes altogether when a killed run had made it', () => {
    const killed = run('killed')
    includeSshConfig(home, killed.dir, null)
    killed.dies()
    const next = run('next')
    includeSshConfig(home, next.dir, null)
    excludeSshConfig(home, next.dir)
    assert.equal(existsSync(path.dirname(file)), false)
  })

  it('is written through a link, which stays one', () => {
    const real = path.join(home, 'dotfiles')
    writeFileSync(real, 'Host other\n')
    mkdirSync(path.dirname(file))
    symlinkSync(real, file)
    const { dir } = run('one')
    includeSshConfig(home, dir, null)
    excludeSshConfig(home, dir)
    assert.ok(lstatSync(file).isSymbolicLink())
    assert.equal(readFileSync(real, 'utf8'), 'Host other\n')
  })
})
