import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { verify } from '../../cli/verify.ts'
import { logIn, sealedStory, temporaryFolder, tellStory } from '../record/recordings.ts'
import { listening } from './recording-io.ts'

let root: string
let remove: () => void
let dir: string
let key: string

beforeEach(async () => {
  ;({ dir: root, remove } = temporaryFolder())
  dir = path.join(root, 'rec')
  ;({ key } = await sealedStory(dir))
})
afterEach(() => remove())

describe('sallyport verify', () => {
  it('calls a sealed recording Intact with status 0, and says line by line what was and what was not checked', async () => {
    const { io, stdout, stderr } = listening()
    assert.equal(await verify(dir, {}, io), 0)
    const lines = stdout().split('\n')
    assert.equal(lines[0], 'Intact')
    assert.ok(lines.filter(line => line.startsWith('  checked      ')).length >= 5)
    assert.ok(lines.some(line => line.startsWith('  not checked  whose key it is')))
    assert.ok(lines.includes(`  sealed by    ${key}`))
    assert.equal(stderr(), '')
  })

  it('calls one flipped byte TAMPERED at its line with status 1', async () => {
    const file = path.join(dir, 'events.jsonl')
    const bytes = readFileSync(file)
    const at = bytes.indexOf('DROP TABLE')
    bytes[at]! ^= 0x20
    writeFileSync(file, bytes)
    const { io, stdout } = listening()
    assert.equal(await verify(dir, {}, io), 1)
    assert.match(stdout(), /^TAMPERED at line 8\n {2}wrong {8}line 8: /)
  })

  it('calls a run that was not closed INCOMPLETE with status 1', async () => {
    tellStory(logIn(path.join(root, 'open')).log)
    const { io, stdout } = listening()
    assert.equal(await verify(path.join(root, 'open'), {}, io), 1)
    assert.match(stdout(), /^INCOMPLETE\n {2}wrong {8}there is no run\.close/)
  })

  it('holds the recording against the key it is given', async () => {
    assert.equal(await verify(dir, { key }, listening().io), 0)
    const other = await sealedStory(path.join(root, 'other'))
    const { io, stdout } = listening()
    assert.equal(await verify(dir, { key: other.key }, io), 1)
    assert.match(stdout(), /^TAMPERED/)
  })

  it('speaks JSON: one object with its schema', async () => {
    const { io, stdout } = listening()
    assert.equal(await verify(dir, { json: true }, io), 0)
    const report = JSON.parse(stdout()) as Record<string, unknown>
    assert.deepEqual(
      [report['schema'], report['verdict'], report['words'], report['lines'], report['key']],
      ['sallyport/verify/v1', 'intact', 'Intact', 17, key],
    )
  })

  it('means status 3 by what it cannot read, and 2 by a key that is none', async () => {
    rmSync(dir, { recursive: true })
    await assert.rejects(verify(dir, {}, listening().io), { exitStatus: 3 })
    await assert.rejects(verify(dir, { key: 'x' }, listening().io), { exitStatus: 2 })
  })
})
