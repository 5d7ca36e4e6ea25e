// Exec lines as commands: what a file server may be part of, and what a line with one in it is worth.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readExec } from '../../../gateway/command/ssh/exec-command.ts'
import type { ExecReading } from '../../../gateway/command/ssh/exec-command.ts'

function doubtOf(read: ExecReading): string | null {
  if (read.kind !== 'commands') return null
  return read.commands.map(({ doubt }) => doubt).find(doubt => doubt !== null) ?? null
}

describe('a file server in an exec line', () => {
  for (const line of [
    'true; rsync --server . /etc',
    'env sftp-server',
    'true; /usr/lib/openssh/sftp-server',
    'true; scp -t /etc',
    'cd /etc && scp -t .',
    'scp -t /etc; true',
    'if true; then rsync --server . /etc; fi',
    'scp -t /etc < list',
    'rsync --server -se.LsfxC . /srv/app',
    'sudo sftp-server',
  ]) {
    it(`is opaque where its paths are out of sight: ${line}`, () => {
      const read = readExec(line)
      assert.equal(read.kind, 'commands')
      assert.notEqual(doubtOf(read), null)
    })
  }

  it('is read as what it does to files when it is all that the line runs', () => {
    for (const line of [
      'scp -t /srv/app',
      'sudo rsync --server -vlogDtpre.iLsfxCIvu . /srv/app',
      'nice rsync --server --sender -re.iLsfx . /srv/app',
    ]) {
      const read = readExec(line)
      assert.equal(read.kind, 'commands', line)
      assert.equal(doubtOf(read), null, line)
      assert.ok(read.kind === 'commands' && read.commands.some(({ paths }) => paths.includes('/srv/app')), line)
    }
    assert.equal(readExec('/usr/lib/openssh/sftp-server').kind, 'sftp')
  })

  it('is what is written, too, where a wrapper makes the file of its lock', () => {
    const read = readExec("flock /srv/lock --command 'rm /srv/x'")
    assert.equal(read.kind, 'commands')
    assert.deepEqual(
      read.kind === 'commands' ? read.commands.map(({ programs, operation, paths }) => ({ programs, operation, paths })) : [],
      [
        { programs: ['flock', 'rm'], operation: null, paths: [] },
        { programs: [], operation: 'write', paths: ['/srv/lock'] },
      ],
    )
  })
})
