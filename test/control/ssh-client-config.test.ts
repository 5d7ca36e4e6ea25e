import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
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
