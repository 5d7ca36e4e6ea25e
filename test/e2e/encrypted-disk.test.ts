// With `encrypt-to`, nothing that was run or seen is ever written to a file, not even for a moment: every write of the gateway is looked at.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from 'pg'
import { plainStart } from '../../gateway/control/gateway-start.ts'
import { launchGateway } from '../../gateway/control/launch.ts'
import { auditorPublic } from '../record/recordings.ts'
import { openExecStage, root, type ExecStage } from './exec-stage.ts'

/** Calls that can put bytes into a file. */
const CALLS = 'write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,mmap,io_uring_enter'
const WORDS = ['canary-in-a-statement', 'Ada Alder', 'canary-in-a-value', 'customers']

describe('a gateway that records for auditors only', () => {
  let stage: ExecStage
  before(async () => {
    stage = await openExecStage()
  })
  after(() => stage.close())

  for (const isEncrypted of [true, false])
    it(
      isEncrypted ? 'never writes what was run or seen into any file' : 'would, without encrypt-to: the look at its writes sees it',
      async () => {
        const trace = path.join(stage.dir, `trace-${isEncrypted}`)
        const written = await playTraced(trace, isEncrypted)
        const inFiles = WORDS.filter(word => written.files.some(line => line.includes(word)))
        assert.deepEqual(inFiles, isEncrypted ? [] : WORDS)
        // What went to the client and the server went over sockets, and the trace has it.
        assert.deepEqual(
          WORDS.filter(word => written.others.some(line => line.includes(word))),
          WORDS,
        )
        assert.ok(written.files.length > 8, `only ${written.files.length} writes into files`)
      },
    )

  async function playTraced(trace: string, isEncrypted: boolean): Promise<{ files: string[]; others: string[] }> {
    const plain = plainStart(path.join(root, 'dist/gateway.mjs'), null)
    const args = ['-f', '-qq', '-y', '-s', '1000000', '-o', trace, '-e', `trace=${CALLS}`, plain.file, ...plain.args]
    const policy = stage.writePolicy(undefined, isEncrypted ? `recording: { encrypt-to: [${auditorPublic}] }` : '')
    const launched = await launchGateway({
      start: { ...plain, file: 'strace', args },
      log: null,
      request: stage.launchRequest(path.join(stage.dir, `rec-${isEncrypted}`), readFileSync(policy, 'utf8')),
    })
    const client = new Client({ connectionString: launched.ready.endpoints[0]?.url ?? '' })
    await client.connect()
    await client.query("SELECT name, 'canary-in-a-statement' FROM customers WHERE id = 1")
    await client.query({ text: 'SELECT name FROM customers WHERE name <> $1', values: ['canary-in-a-value'] })
    await client.end()
    await launched.finish('over')
    const lines = readFileSync(trace, 'utf8').split('\n')
    const isFile = (line: string): boolean => /^\d+\s+\w+\(\d+<\/(?!dev\/)/.test(line)
    return { files: lines.filter(isFile), others: lines.filter(line => !isFile(line)) }
  }
})
