import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { hidePasswords } from '../../gateway/session/password-literal.ts'
import { cpuMsOf } from '../cpu-time.ts'

const shown = (secret: string): string => hidePasswords(`ALTER ROLE app PASSWORD '${secret}'`).text

describe('password literals', () => {
  for (const sql of [
    "ALTER USER app PASSWORD 'canary'",
    "CREATE ROLE app LOGIN ENCRYPTED PASSWORD E'can\\'ary' VALID UNTIL '2030-01-01'",
    'ALTER ROLE app PASSWORD $tag$canary$tag$',
    "ALTER ROLE app /* 'x' */ PASSWORD -- 'y'\n 'canary'",
    "ALTER ROLE app PASSWORD U&'canary'",
    "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'u', password 'canary')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=canary' PUBLICATION p",
    "SELECT dblink_connect('host=h password=''canary'' user=u')",
    "SELECT * FROM dblink('postgres://u:canary@h/d', 'SELECT 1')",
    "UPDATE users SET password = 'canary' WHERE id = 1",
    'UPDATE users SET "password" = \'canary\'',
    "ALTER ROLE app PASSWORD 'can' \n 'ary'",
    "ALTER ROLE app PASSWORD 'canary",
  ]) {
    it(`are hidden: ${JSON.stringify(sql)}`, () => {
      const hidden = hidePasswords(sql)
      assert.doesNotMatch(hidden.text, /can|ary/)
      assert.ok(hidden.found > 0)
    })
  }

  it('leave other statements as they are', () => {
    for (const sql of [
      "SELECT 'canary'",
      "UPDATE t SET note = 'my password is long' WHERE id = 1",
      "SELECT passport FROM t WHERE name = 'x'",
    ]) {
      assert.deepEqual(hidePasswords(sql), { text: sql, found: 0 })
    }
  })

  it('tell nothing of the length of what they hide', () => {
    assert.equal(shown('x'), shown('x'.repeat(100)))
  })

  it('end in time on any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), text => {
        hidePasswords(`password ${text}`)
      }),
      { numRuns: 500 },
    )
    const spentMs = cpuMsOf(() => {
      for (const odd of ["'", '"', '$a$', '/*', "E'\\", '$']) hidePasswords(`password ${odd.repeat(20_000)}`)
    })
    assert.ok(spentMs < 2_000, `${spentMs} ms`)
  })
})
