// Some inputs of the fuzzer, other ones each time; `npm run fuzz` plays as many as one likes.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, it } from 'node:test'
import { loadSqlParser } from '../../gateway/command/sql/parser.ts'
import { makeInput } from './mutate.ts'
import { playInput, unadmitted } from './play-input.ts'
import { playRange } from './play-range.ts'
import { Random } from './random.ts'

const INPUTS = 800

describe('mutated bytes of real clients', () => {
  it('end no session badly, take no processor away, and reach the target only where they were admitted', async () => {
    const seed = randomInt(1, 0x7fff_ffff)
    const tally = await playRange(seed, Array(INPUTS).keys())
    assert.deepEqual(tally.problems, [], `seed ${seed}`)
    assert.equal(tally.inputs, INPUTS)
    // It would mean little if hardly anything got through.
    assert.ok(tally.admitted > INPUTS / 2 && tally.ran > INPUTS / 2, `${tally.admitted} admitted, ${tally.ran} ran`)
  })

  it('are held against what was admitted, byte for byte', () => {
    const query = Buffer.from('Q\0\0\0\x0dSELECT 1\0')
    const other = Buffer.from('Q\0\0\0\x0dSELECT 2\0')
    const admitted = { bytes: query, texts: ['SELECT 1'], values: [] }
    assert.equal(unadmitted([{ kind: 'message', bytes: query }], [admitted]), null)
    assert.match(unadmitted([{ kind: 'message', bytes: other }], [admitted]) ?? '', /"SELECT 2"/)
    const run = { kind: 'execute', text: Buffer.from('DELETE FROM t WHERE id = $1'), values: [Buffer.from('1')] } as const
    const bound = { bytes: query, texts: ['DELETE FROM t WHERE id = $1'], values: ['1'] }
    assert.equal(unadmitted([run], [bound]), null)
    assert.match(unadmitted([run], [{ ...bound, values: ['2'] }]) ?? '', /not admitted/)
    assert.match(unadmitted([run], [admitted]) ?? '', /not admitted/)
  })

  it('are the same for the same seed', async () => {
    await loadSqlParser()
    for (const input of [3, 14, 159]) {
      assert.deepEqual(makeInput(new Random(26, input)), makeInput(new Random(26, input)))
      assert.deepEqual(await playInput(26, input), await playInput(26, input))
    }
  })
})
