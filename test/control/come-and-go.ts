// A process that has a run's hosts put into the configuration of a home and taken out again, so often: HOME FOLDER TIMES.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { excludeSshConfig, includeSshConfig } from '../../gateway/control/ssh-client-config.ts'

const [, , home = '', folder = '', times] = process.argv
for (let round = 0; round < Number(times); round += 1) {
  includeSshConfig(home, folder, null)
  assert.ok(readFileSync(path.join(home, '.ssh', 'config'), 'latin1').includes(folder), 'the own piece stays while the run goes on')
  excludeSshConfig(home, folder)
}
