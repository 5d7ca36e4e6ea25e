// Lines as deploy scripts write them (Capistrano, Ansible, Fabric, hooks of git, backups, Docker over ssh), against a rule that names their programs:
// what is ordinary must pass without anybody being asked.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { readExec } from '../../../gateway/command/ssh/exec-command.ts'
import { compileGlob } from '../../../gateway/policy/glob.ts'
import { sshMatcher } from '../../../gateway/policy/match-ssh.ts'

const PROGRAMS =
  `[ apt awk bash cat cd chmod chown command cp curl cut date df docker dpkg du echo env export find flock free getent git grep gzip head hostname
  id install ionice ip journalctl kubectl ln ls md5sum mkdir mv mysqldump nc nginx nice node nohup nproc passenger-config pg_dump php pm2 printf ps psql pwd
  python3 readlink rm rsync ruby sed service set sh sha256sum sleep sort ss stat sudo supervisorctl systemctl tail tar test timeout touch true type umask uname
  uniq uptime wc wget which whoami xargs`.split(/\s+/)

const allows = sshMatcher(
  {
    requests: ['exec'],
    programs: PROGRAMS.map(name => compileGlob(name, '/')),
    commands: null,
    operations: null,
    paths: null,
  },
  'allow',
)

describe('a line of a deploy', () => {
  const rows = readFileSync(path.resolve(import.meta.dirname, '../../cases/ssh-deploy.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { readonly id: string; readonly command: string })

  for (const { id, command } of rows) {
    it(`${id}: is allowed by a rule for its programs: ${command.slice(0, 80)}`, () => {
      const read = readExec(command)
      assert.equal(read.kind, 'commands')
      const commands = read.kind === 'commands' ? read.commands : []
      assert.deepEqual(
        commands.map(each => each.doubt ?? allows(each)),
        commands.map(() => null),
      )
    })
  }

  it('is one of at least 120, and none twice', () => {
    assert.ok(rows.length >= 120)
    assert.equal(new Set(rows.map(({ command }) => command)).size, rows.length)
  })
})
