import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { HIDDEN, TypedInput } from '../../../gateway/engine/ssh/typed-input.ts'

interface Typing {
  readonly kept: string[]
  /** Types it key by key; the terminal shows each. */
  readonly seen: (text: string) => void
  /** Types it; the terminal shows nothing but the new line. */
  readonly unseen: (text: string) => void
  readonly input: TypedInput
}

function typing(finds: RegExp | null = null): Typing {
  const kept: string[] = []
  const mask =
    finds === null
      ? null
      : {
          mayFind: () => true,
          apply: (text: string) => ({
            text: text.replaceAll(finds, '[redacted]'),
            found: new Map(finds.test(text) ? [['mask', 1]] : []),
          }),
        }
  const input = new TypedInput(
    mask as ConstructorParameters<typeof TypedInput>[0],
    text => kept.push(text),
    () => {},
  )
  return {
    kept,
    input,
    seen: text => {
      for (const key of text) {
        input.typed(Buffer.from(key))
        input.shown(Buffer.from(key === '\r' ? '\r\n' : key === '\u007F' ? '\b \b' : key))
      }
    },
    unseen: text => {
      for (const key of text) {
        input.typed(Buffer.from(key))
        if (key === '\r') input.shown(Buffer.from('\r\n'))
      }
    },
  }
}

describe('what is typed at a terminal', () => {
  it('is kept by lines, as it was typed', () => {
    const { kept, seen, input } = typing()
    seen('ls -lz\u007F /srv\rexi')
    input.end()
    assert.deepEqual(kept, ['ls -lz\u007F /srv\r', 'exi'])
  })

  it('is hidden where the terminal showed none of it, whatever its length, and nowhere else', () => {
    const { kept, seen, unseen, input } = typing()
    seen('sudo id\r')
    input.shown(Buffer.from('[sudo] password for deploy: '))
    unseen('hunter2\r')
    input.shown(Buffer.from('uid=0 hunter2\r\n'))
    seen('echo ok\r')
    unseen('x\r')
    assert.deepEqual(kept, ['sudo id\r', `${HIDDEN}\r`, 'echo ok\r', `${HIDDEN}\r`])
  })

  it('is found in an echo that comes late, in colour, completed, or broken at the edge of the screen', () => {
    const { kept, input } = typing()
    input.typed(Buffer.from('cat /et\tpas\tx\r'))
    input.shown(Buffer.from('\u001B[32mcat\u001B[0m /et'))
    input.shown(Buffer.from('c/pas'))
    input.shown(Buffer.from('swd \r x'))
    assert.deepEqual(kept, [])
    input.shown(Buffer.from('\r\n'))
    assert.deepEqual(kept, ['cat /et\tpas\tx\r'])
  })

  it('is masked, also where keys were taken back', () => {
    const { kept, seen } = typing(/4111[ -]?1111/g)
    seen('echo 4111 1112\u007F1\r')
    seen('echo fine\r')
    assert.deepEqual(kept, ['echo [redacted]\r', 'echo fine\r'])
  })

  it('never shows a line that was not echoed, however keys and output are cut', () => {
    const secret = fc.stringMatching(/^[a-zA-Z0-9!@#$%]{4,20}$/)
    fc.assert(
      fc.property(secret, fc.array(fc.integer({ min: 1, max: 5 })), (word, cuts) => {
        const { kept, input } = typing()
        input.shown(Buffer.from('Password: '))
        let at = 0
        for (const cut of [...cuts, 40]) {
          input.typed(Buffer.from(`${word}\r`.slice(at, at + cut)))
          at += cut
        }
        input.shown(Buffer.from('\r'))
        input.shown(Buffer.from(`\nwelcome ${word}\r\n`))
        input.end()
        assert.ok(!kept.join('').includes(word), kept.join(''))
        assert.equal(kept.join(''), `${HIDDEN}\r`)
      }),
    )
  })
})
