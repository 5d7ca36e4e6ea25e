import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { readShellLine } from '../../../gateway/command/shell/shell-line.ts'
import { readShell } from '../../../gateway/command/shell/shell-reader.ts'
import { programsThatBashRuns } from './bash-trace.ts'

interface Row {
  readonly id: string
  readonly command: string
  readonly risky: boolean | 'undecidable'
  readonly effective?: readonly string[]
}

const rowsOf = (name: string): Row[] =>
  readFileSync(path.resolve(import.meta.dirname, '../../cases', name), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Row)

const given = rowsOf('ssh-bypass.jsonl')
const own = rowsOf('ssh-own.jsonl')
const harmless = new Set([
  ...given.filter(({ risky }) => risky === false).flatMap(({ effective = [] }) => effective),
  'cat',
  'head',
  'wc',
  'true',
  'sleep',
  'printf',
  'date',
  'sed',
  'sort',
  'find',
  'tar',
  'curl',
  'systemctl',
  'nice',
  'nohup',
  'xargs',
  'sh',
  'bash',
  'command',
  'tee',
  'dd',
  'read',
  'export',
  'cd',
  'uniq',
  'id',
  'false',
  ':',
])

/** True when a rule that allows the harmless programs, and nothing about files, would let the line through. */
function isAllowed(command: string): boolean {
  const line = readShellLine(command)
  // As rules of a policy read a bare name: found by PATH, or in a folder of the system.
  return (
    line.doubt === null &&
    line.writes.length === 0 &&
    line.programs.every(program => harmless.has(program.replace(/^(?:\/usr(?:\/local)?)?\/s?bin\/|^\/usr\/lib\/openssh\//, '')))
  )
}

describe('a shell line', () => {
  for (const { id, command, risky } of [...given, ...own]) {
    it(`${id}: ${risky === false ? 'is understood' : 'is not taken for harmless'}: ${JSON.stringify(command).slice(0, 80)}`, () => {
      assert.equal(isAllowed(command), risky === false, JSON.stringify(readShellLine(command)))
    })
  }

  it('has at least 150 cases of our own', () => {
    assert.ok(own.length >= 150, String(own.length))
    assert.equal(new Set(own.map(({ command }) => command)).size, own.length)
  })

  it('is refused when it is too long or nested too deep, at once', () => {
    for (const command of [
      '('.repeat(20_000),
      `echo ${'$('.repeat(5_000)}`,
      '`'.repeat(9_999),
      `ls ${'x'.repeat(70_000)}`,
      '{ '.repeat(3_000),
      'if '.repeat(2_000),
    ]) {
      const started = performance.now()
      assert.notEqual(readShellLine(command).doubt, null)
      assert.ok(performance.now() - started < 1_000)
    }
  })

  it('never throws, whatever it is given', () => {
    const mark = fc.constantFrom(
      '$(',
      ')',
      '`',
      '"',
      "'",
      '\\',
      '\n',
      '<<E',
      'E',
      '{',
      '}',
      ';',
      '&&',
      '|',
      '>',
      '<',
      ' ',
      'a',
      '$',
      '$((',
      '))',
      '[[',
      ']]',
      'if',
      'fi',
      '=',
      '#',
      "$'",
      '~',
      '*',
      'case',
      'in',
      'esac',
      ';;',
    )
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 40 }), parts => {
        readShellLine(parts.join(''))
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('the words of a line, beside bash', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'a',
      'b',
      '-',
      '.',
      '/',
      ':',
      '%',
      '+',
      '=',
      '@',
      '^',
      '\\a',
      '\\$',
      '\\"',
      "\\'",
      '\\\\',
      '\\ ',
      '\\\n',
      "''",
      '""',
      "'a b'",
      `"a b"`,
      `"$"`,
      `"\\$x"`,
      `"\\\\"`,
      `"\\a"`,
      `"'"`,
      `'"'`,
      "$'\\n'",
      "$'\\x41'",
      "$'\\101'",
      "$'\\''",
      "$'\\u00e9'",
      `"a\\\nb"`,
      "'a\\b'",
      '#',
      '$',
      '!',
      '\\;',
      '\\#',
      '\u00e9',
      '\u00a0',
      ']',
      '}',
      ',',
    ),
    fc.string({ unit: fc.constantFrom('x', 'Y', '0', '_', '-', '.'), minLength: 1, maxLength: 4 }),
  )
  const line = fc.array(
    fc.array(piece, { minLength: 1, maxLength: 6 }).map(parts => parts.join('')),
    { minLength: 1, maxLength: 5 },
  )

  it('are the words that bash gives to a program, or a doubt', () => {
    const lines = fc.sample(line, { numRuns: 600, seed: 7 }).map(words => `printf ' %s' ${words.join(' ')}`)
    let compared = 0
    for (const text of lines) {
      let words: readonly (string | null)[]
      try {
        const [command, ...more] = readShell(text)
        if (command === undefined || more.length > 0) continue
        words = command.words.slice(2).map(word => word.text)
      } catch {
        continue
      }
      if (words.includes(null) || words.length === 0) continue
      const real = execFileSync('bash', ['-c', text.replace("printf ' %s'", "printf '%s\\0'")], { env: { LC_ALL: 'C.UTF-8' } }).toString()
      assert.deepEqual(words, real.split('\0').slice(0, -1), JSON.stringify(text))
      compared += 1
    }
    assert.ok(compared > 300, String(compared))
  })
})

describe('the programs of a line, beside bash', () => {
  const simple = fc.constantFrom(
    'pa',
    'pb x',
    "p'c'",
    'p\\d 1',
    '"pa"',
    'X=1 pb',
    'pc $X',
    'pd "$(pa)"',
    'pa `pb`',
    'pc <<<x',
    '$X pa',
    '${X:-pd}',
    'pa {1,2}',
    '! pc',
    'env pd',
    'command pa',
    'timeout 5 pb',
    "sh -c 'pc; pd'",
    'nice pa',
    'echo x | xargs pb',
    'pa 2>/dev/null',
    'pb <<E\n$(pc)\nE\n',
    "pb <<'E'\n$(pd)\nE\n",
    'pa # pb',
    'p\\\na',
    'time pd',
    'pb <(pc)',
    '[ x = x ]',
    '[[ a == a ]]',
    'true',
    'false',
  )
  const { line } = fc.letrec<{ line: string }>(tie => ({
    line: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      simple,
      fc
        .tuple(tie('line'), fc.constantFrom('; ', ' && ', ' || ', ' | ', '\n'), tie('line'))
        .map(([left, join, right]) => `${left}${left.endsWith('\n') ? ':' : ''}${join}${right}`),
      tie('line').map(inner => `( ${inner}\n)`),
      tie('line').map(inner => `{ ${inner}\n}`),
      tie('line').map(inner => `if ${inner}\nthen pa; else pb; fi`),
      tie('line').map(inner => `for i in 1; do ${inner}\ndone`),
      tie('line').map(inner => `case x in y) pa;; x) ${inner}\n;; esac`),
      tie('line').map(inner => `echo "$(${inner}\n)"`),
      tie('line').map(inner => `while ${inner}\ndo break; done`),
    ),
  }))

  it('are all found, wherever bash finds one to run', async () => {
    const lines = fc.sample(line, { numRuns: 400, seed: 11 })
    const ran = await programsThatBashRuns(lines, ['pa', 'pb', 'pc', 'pd'])
    let understood = 0
    lines.forEach((text, index) => {
      const read = readShellLine(text)
      if (read.doubt !== null) return
      understood += 1
      for (const program of ran[index] ?? [])
        assert.ok(read.programs.includes(program), `${JSON.stringify(text)} runs ${program}, read ${read.programs.join()}`)
    })
    assert.ok(understood > 120, String(understood))
    assert.ok(ran.flat().length > 200)
  })
})
