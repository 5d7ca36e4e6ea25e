// What a client can ask of a file server beside its usual work. Each trick is played directly first, where it must do its harm, and then through
// a gateway whose policy does not allow it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openFlag, sftpStatus, sftpType } from '../../../gateway/wire/ssh/sftp.ts'
import { startSshd } from '../../../world/sshd/server.ts'
import type { SshServer } from '../../../world/sshd/server.ts'
import { approved } from '../../session/people.ts'
import { sshGatewayThat } from './gateway-that.ts'
import type { SshGateway } from './gateway-that.ts'
import { openRawFiles } from './raw-files.ts'
import type { RawFiles } from './raw-files.ts'

const PERMISSIONS = 4
const TIMES = 8
const SIZE = 1

interface Trick {
  readonly name: string
  /** What the policy allows below `app`. */
  readonly allowed: string
  /** Does it; true when the harm is done by what came back. */
  readonly play: (files: RawFiles, places: { readonly app: string; readonly outside: string }) => Promise<boolean | void>
}

/** Reads the first bytes by a handle that should not be one for reading. */
async function readBy(files: RawFiles, handle: Buffer): Promise<boolean> {
  const { bytes } = await files.ask(sftpType.read, handle, 0n, 100)
  return bytes.toString() === 'secret'
}

const tricks: readonly Trick[] = [
  {
    name: 'reads by a file opened only to create it',
    allowed: 'write',
    play: async (files, { app }) => readBy(files, await files.open(`${app}/secret`, openFlag.create)),
  },
  {
    name: 'reads by a file opened only to append',
    allowed: 'write',
    play: async (files, { app }) => readBy(files, await files.open(`${app}/secret`, openFlag.append)),
  },
  {
    name: 'empties a file opened to read',
    allowed: 'read',
    play: async (files, { app }) => void (await files.open(`${app}/secret`, openFlag.read | openFlag.truncate)),
  },
  {
    name: 'makes a file by opening it to read',
    allowed: 'read',
    play: async (files, { app }) => void (await files.open(`${app}/made`, openFlag.read | openFlag.create)),
  },
  {
    name: 'changes the mode by a handle for reading',
    allowed: 'read',
    play: async (files, { app }) =>
      void (await files.ask(sftpType.fsetstat, await files.open(`${app}/secret`, openFlag.read), PERMISSIONS, 0o777)),
  },
  {
    name: 'changes times by a handle for reading',
    allowed: 'read',
    play: async (files, { app }) =>
      void (await files.ask(sftpType.fsetstat, await files.open(`${app}/secret`, openFlag.read), TIMES, 1, 1)),
  },
  {
    name: 'changes the mode by a handle for writing, where attributes are not allowed',
    allowed: 'write',
    play: async (files, { app }) =>
      void (await files.ask(sftpType.fsetstat, await files.open(`${app}/secret`, openFlag.write), PERMISSIONS, 0o4777)),
  },
  {
    name: 'changes the mode together with the size',
    allowed: 'write',
    play: async (files, { app }) =>
      void (await files.ask(sftpType.fsetstat, await files.open(`${app}/secret`, openFlag.write), SIZE | PERMISSIONS, 6n, 0o777)),
  },
  {
    name: 'empties a file by its attributes',
    allowed: 'read, write',
    play: async (files, { app }) => void (await files.ask(sftpType.setstat, `${app}/secret`, SIZE, 0n)),
  },
  {
    name: 'changes a folder outside by a link with a slash at its end',
    allowed: 'setstat',
    play: async (files, { app }) => void (await files.ask(sftpType.extended, 'lsetstat@openssh.com', `${app}/out/`, TIMES, 1, 1)),
  },
  {
    name: 'changes a folder outside by a link with a dot behind it',
    allowed: 'setstat',
    play: async (files, { app }) => void (await files.ask(sftpType.extended, 'lsetstat@openssh.com', `${app}/out/.`, TIMES, 1, 1)),
  },
  {
    name: 'changes the mode of what a link leads to',
    allowed: 'setstat',
    play: async (files, { app }) => void (await files.ask(sftpType.setstat, `${app}/out/victim`, PERMISSIONS, 0o777)),
  },
  {
    name: 'removes through a link',
    allowed: 'remove',
    play: async (files, { app }) => void (await files.ask(sftpType.remove, `${app}/out/victim`)),
  },
  {
    name: 'removes by dots',
    allowed: 'remove',
    play: async (files, { app }) => void (await files.ask(sftpType.remove, `${app}/./../outside/victim`)),
  },
  {
    name: 'removes by dots behind a folder within',
    allowed: 'remove',
    play: async (files, { app }) => void (await files.ask(sftpType.remove, `${app}/folder/../../outside//victim`)),
  },
  {
    name: 'removes by a relative path',
    allowed: 'remove',
    play: async (files, { outside }) =>
      void (await files.ask(sftpType.remove, path.relative(process.env['HOME'] ?? '/', `${outside}/victim`))),
  },
  {
    name: 'takes a folder away by a link behind it',
    allowed: 'rmdir',
    play: async (files, { app }) => void (await files.ask(sftpType.rmdir, `${app}/out/empty`)),
  },
  {
    name: 'makes a folder through a link',
    allowed: 'mkdir',
    play: async (files, { app }) => void (await files.ask(sftpType.mkdir, `${app}/out/made`, 0)),
  },
  {
    name: 'renames what is outside to the inside',
    allowed: 'rename',
    play: async (files, { app, outside }) => void (await files.ask(sftpType.rename, `${outside}/victim`, `${app}/mine`)),
  },
  {
    name: 'renames onto what is outside',
    allowed: 'rename',
    play: async (files, { app, outside }) =>
      void (await files.ask(sftpType.extended, 'posix-rename@openssh.com', `${app}/secret`, `${outside}/victim`)),
  },
  {
    name: 'renames onto what is outside by a link',
    allowed: 'rename',
    play: async (files, { app }) =>
      void (await files.ask(sftpType.extended, 'posix-rename@openssh.com', `${app}/secret`, `${app}/out/victim`)),
  },
  {
    name: 'links what is outside to the inside',
    allowed: 'link',
    play: async (files, { app, outside }) =>
      void (await files.ask(sftpType.extended, 'hardlink@openssh.com', `${outside}/victim`, `${app}/mine`)),
  },
  {
    name: 'makes a link that leads out by its absolute text',
    allowed: 'symlink',
    play: async (files, { app, outside }) => void (await files.ask(sftpType.symlink, outside, `${app}/link`)),
  },
  {
    name: 'makes a link that leads out by dots',
    allowed: 'symlink',
    play: async (files, { app }) => void (await files.ask(sftpType.symlink, '../outside/victim', `${app}/link`)),
  },
  {
    name: 'makes a link that leads out by another link',
    allowed: 'symlink',
    play: async (files, { app }) => void (await files.ask(sftpType.symlink, 'out/victim', `${app}/link`)),
  },
  {
    name: 'makes a link that leads to what is not there yet, by dots',
    allowed: 'symlink',
    play: async (files, { app }) => void (await files.ask(sftpType.symlink, 'not-there/../../outside/later', `${app}/link`)),
  },
  {
    name: 'makes a link outside that leads in',
    allowed: 'symlink',
    play: async (files, { app, outside }) => void (await files.ask(sftpType.symlink, `${app}/secret`, `${outside}/link`)),
  },
  {
    name: 'writes through a dangling link',
    allowed: 'write',
    play: async (files, { app }) => void (await files.open(`${app}/dangling`, openFlag.write | openFlag.create)),
  },
  {
    name: 'reads what a link leads to',
    allowed: 'read',
    play: async (files, { app }) => readBy(files, await files.open(`${app}/out/secret`, openFlag.read)),
  },
  {
    name: 'lists what a link leads to',
    allowed: 'list',
    play: async (files, { app }) => (await files.ask(sftpType.opendir, `${app}/out`)).type === sftpType.handle,
  },
]

interface Guarded {
  readonly gateway: SshGateway
  readonly files: RawFiles
}

describe('tricks with a file server', () => {
  let sshd: SshServer
  let app: string
  let outside: string
  const closing: (() => unknown)[] = []
  /** One connection each for all tricks: a login costs more than a trick. */
  let direct: RawFiles
  const guarded = new Map<string, Promise<Guarded>>()
  before(async () => {
    sshd = await startSshd()
    app = path.join(sshd.dir, 'app')
    outside = path.join(sshd.dir, 'outside')
    direct = await openRawFiles({ port: sshd.port, username: sshd.user, privateKey: sshd.privateKey })
  })
  after(async () => {
    for (const close of closing.toReversed()) await close()
    direct.end()
    await sshd.stop()
  })

  const through = async (...rules: string[]): Promise<Guarded> => {
    const gateway = await sshGatewayThat({ sshd, rules })
    closing.push(() => gateway.stop())
    const files = await openRawFiles({ port: gateway.port, username: sshd.user, password: gateway.ticket })
    closing.push(() => files.end())
    return { gateway, files }
  }
  const allows = (operations: string): string =>
    `{ name: within, ssh: { requests: [sftp], operations: [${operations}], paths: ["${app}/**"] }, then: allow }`

  const lay = (): void => {
    rmSync(app, { recursive: true, force: true })
    rmSync(outside, { recursive: true, force: true })
    for (const folder of [app, path.join(app, 'folder'), outside, path.join(outside, 'empty')]) mkdirSync(folder)
    for (const file of [`${app}/secret`, `${outside}/secret`, `${outside}/victim`]) writeFileSync(file, 'secret', { mode: 0o600 })
    symlinkSync(outside, path.join(app, 'out'))
    symlinkSync(path.join(outside, 'later'), path.join(app, 'dangling'))
  }
  /** Everything there is, without times that reading changes; times that were set stand out by being old. */
  const picture = (): string => {
    const seen: unknown[] = []
    const look = (folder: string): void => {
      for (const name of readdirSync(folder).toSorted()) {
        const file = path.join(folder, name)
        const { mode, mtimeMs } = lstatSync(file)
        const kind = lstatSync(file)
        seen.push([
          file,
          mode,
          mtimeMs < 10_000,
          kind.isSymbolicLink() ? readlinkSync(file) : kind.isFile() ? readFileSync(file, 'utf8') : '',
        ])
        if (kind.isDirectory()) look(file)
      }
      seen.push(statSync(folder).mtimeMs < 10_000)
    }
    look(app)
    look(outside)
    return JSON.stringify(seen)
  }

  for (const { name, allowed, play } of tricks) {
    it(`${name}: directly, and not through the gateway`, async () => {
      lay()
      const before = picture()
      const isDone = await play(direct, { app, outside })
      assert.ok(isDone === true || picture() !== before, 'the trick works directly')
      lay()
      const guard = guarded.get(allowed) ?? through(allows(allowed))
      guarded.set(allowed, guard)
      const { files, gateway } = await guard
      const denied = gateway.recorder.of('decision').length
      const isDoneThrough = await play(files, { app, outside }).catch(() => false)
      assert.notEqual(isDoneThrough, true)
      assert.equal(picture(), before)
      const decisions = gateway.recorder.of('decision').slice(denied)
      assert.ok(decisions.some(({ outcome }) => outcome === 'deny'))
    })
  }

  it('does what was judged, where a link was turned while people were asked', async () => {
    lay()
    mkdirSync(`${app}/real`)
    symlinkSync(`${app}/real`, `${app}/turned`)
    const { files, gateway } = await through('{ name: ask-writes, ssh: { operations: [write, remove] }, then: ask, approvers: ops }')
    const opening = files.ask(sftpType.open, `${app}/turned/victim`, openFlag.write | openFlag.create, 0)
    const asked = await gateway.people.request(1)
    rmSync(`${app}/turned`)
    symlinkSync(outside, `${app}/turned`)
    asked.answer(approved)
    assert.equal((await opening).type, sftpType.handle)
    assert.equal(readFileSync(`${outside}/victim`, 'utf8'), 'secret')
    assert.equal(existsSync(`${app}/real/victim`), true)
    const removing = files.ask(sftpType.remove, `${app}/turned/../app/real/victim`)
    const again = await gateway.people.request(2)
    rmSync(`${app}/turned`)
    again.answer(approved)
    assert.equal((await removing).status, sftpStatus.ok)
    assert.equal(existsSync(`${app}/real/victim`), false)
  })

  it('refuses paths that are no text, and requests and extensions that are not known, without asking anybody', async () => {
    lay()
    const { files, gateway } = await through('{ name: everything, then: allow }')
    const before = picture()
    for (const [type, ...fields] of [
      [sftpType.remove, Buffer.from([0xff, 0x2f, 0x78])],
      [sftpType.remove, `${app}/secret\0/x`],
      [sftpType.extended, 'unknown@example.com', `${app}/secret`],
      [sftpType.extended, 'hardlink@openssh.com\0', `${app}/secret`, `${app}/x`],
      [99, `${app}/secret`],
    ] as const) {
      assert.equal((await files.ask(type, ...fields)).status, sftpStatus.unsupported)
    }
    assert.equal(picture(), before)
    assert.equal(gateway.recorder.of('command').length, 0)
    assert.equal(gateway.recorder.of('error').length, 5)
  })

  it('gives no digest for a file whose content was changed on the target itself', async () => {
    lay()
    const { files, gateway } = await through('{ name: everything, then: allow }')
    const [from, to] = [await files.open(`${app}/secret`, openFlag.read), await files.open(`${app}/copy`, openFlag.write | openFlag.create)]
    await files.ask(sftpType.write, to, 0n, 'a part')
    assert.equal((await files.ask(sftpType.extended, 'copy-data', from, 0n, 0n, to, 6n)).status, sftpStatus.ok)
    await files.ask(sftpType.close, to)
    assert.equal(readFileSync(`${app}/copy`, 'utf8'), 'a partsecret')
    const cut = await files.open(`${app}/cut`, openFlag.write | openFlag.create)
    await files.ask(sftpType.write, cut, 0n, 'all of it')
    await files.ask(sftpType.fsetstat, cut, SIZE, 3n)
    await files.ask(sftpType.close, cut)
    const same = await files.open(`${app}/same`, openFlag.write | openFlag.create)
    await files.ask(sftpType.write, same, 0n, 'all of it')
    await files.ask(sftpType.fsetstat, same, SIZE, 9n)
    await files.ask(sftpType.close, same)
    const digestOf = (name: string): string | null | undefined =>
      gateway.recorder.of('file').find(({ path: file }) => file === `${app}/${name}`)?.digest
    assert.equal(digestOf('copy'), null)
    assert.equal(digestOf('cut'), null)
    assert.equal(digestOf('same'), `sha256:${createHash('sha256').update('all of it').digest('hex')}`)
  })

  it('keeps apart files that the target gives the same handle, one after the other', async () => {
    lay()
    const { files, gateway } = await through('{ name: everything, then: allow }')
    for (const word of ['one', 'two', 'three']) {
      const handle = await files.open(`${app}/${word}`, openFlag.write | openFlag.create)
      await files.ask(sftpType.write, handle, 0n, word)
      await files.ask(sftpType.close, handle)
      assert.notEqual((await files.ask(sftpType.write, handle, 0n, 'late')).status, sftpStatus.ok)
    }
    assert.deepEqual(
      gateway.recorder.of('file').map(({ path: file, bytes }) => [path.basename(file), bytes]),
      [
        ['one', 3],
        ['two', 3],
        ['three', 5],
      ],
    )
  })

  it('answers as the target does where paths end with a slash', async () => {
    const play = async (files: RawFiles): Promise<readonly number[]> => {
      lay()
      chmodSync(`${app}/secret`, 0o600)
      linkSync(`${app}/secret`, `${app}/second`)
      return [
        (await files.ask(sftpType.remove, `${app}/secret/`)).status,
        (await files.ask(sftpType.rename, `${app}/second/`, `${app}/third`)).status,
        (await files.ask(sftpType.mkdir, `${app}/made/`, 0)).status,
        (await files.ask(sftpType.rmdir, `${app}/made/`)).status,
        (await files.ask(sftpType.opendir, `${app}/`)).type,
        (await files.ask(sftpType.setstat, `${app}/folder/`, PERMISSIONS, 0o700)).status,
        (await files.ask(sftpType.remove, `${app}/missing/../x`)).status,
        (await files.ask(sftpType.open, `${app}/secret/`, openFlag.read, 0)).status,
      ]
    }
    const expected = await play(direct)
    assert.deepEqual(await play((await through('{ name: everything, then: allow }')).files), expected)
  })
})
