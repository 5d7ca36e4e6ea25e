import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { findUser, runAs, withoutTokenVariables } from '../../gateway/control/run-as.ts'
import { makeJobUser, noUsersHere, turnAtUsers } from './isolated-job.ts'

describe('running a command as another user', () => {
  it('takes away what mints tokens, and keeps the rest', () => {
    const kept = withoutTokenVariables({
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 't',
      ACTIONS_ID_TOKEN_REQUEST_URL: 'u',
      ACTIONS_RUNTIME_TOKEN: 'r',
      INPUT_X: 'i',
      PGHOST: 'h',
      MY_ACTIONS_: 'm',
    })
    assert.deepEqual(kept, { PGHOST: 'h', MY_ACTIONS_: 'm' })
  })

  it('refuses users that do not exist, root, and what is no name', () => {
    assert.throws(() => findUser('no-such-user-here'), { code: 'USAGE' })
    assert.throws(() => findUser('-u root'), { code: 'USAGE' })
    assert.throws(() => findUser('root'), { code: 'ISOLATION_IMPOSSIBLE' })
  })

  it('runs as an ordinary user, and refuses one with sudo', { skip: noUsersHere }, async () => {
    const leave = await turnAtUsers()
    const [plain, admin] = [makeJobUser(false), makeJobUser(true)]
    try {
      const start = runAs(findUser(plain.name), ['sh', '-c', 'id -un; id -G | wc -w; env | grep -c ACTIONS_; echo $HOME'], {
        PATH: '/usr/bin:/bin',
        ACTIONS_RUNTIME_TOKEN: 'x',
      })
      const { stdout } = spawnSync(start.file, start.args, { env: { ...start.environment }, encoding: 'utf8', ...start.owner })
      assert.deepEqual(stdout.trim().split('\n'), [plain.name, '1', '0', plain.home])
      assert.throws(() => findUser(admin.name), /has sudo/)
    } finally {
      plain.remove()
      admin.remove()
      leave()
    }
  })
})
