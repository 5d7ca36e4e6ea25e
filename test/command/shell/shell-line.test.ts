import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { readShellLine } from '../../../gateway/command/shell/shell-line.ts'
import { readShell } from '../../../gateway/command/shell/shell-reader.ts'
import { programsThatRun, wordsOfBash } from './bash-trace.ts'
import { cpuMsOf } from '../../cpu-time.ts'

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
/** Each changes a folder where it runs. */
const effects = rowsOf('ssh-effects.jsonl')
const harmless = new Set([
  ...given.filter(({ risky }) => risky === false).flatMap(({ effective = [] }) => effective),
  ...`cat head wc true sleep printf date sed sort find tar curl systemctl nice nohup xargs sh bash command tee dd read export cd uniq id false docker podman crontab dpkg rpm apt snap pip go openssl npm python3 journalctl hostname ip ss sysctl mount dmesg iptables gzip xxd iconv yq split timedatectl hostnamectl kubectl git :`.split(
    /\s+/,
  ),
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

  for (const { id, command } of effects) {
    it(`${id}: is not taken for harmless: ${JSON.stringify(command).slice(0, 80)}`, () => assert.equal(isAllowed(command), false))
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
      const spentMs = cpuMsOf(() => {
        assert.notEqual(readShellLine(command).doubt, null)
      })
      assert.ok(spentMs < 1_000, `${spentMs} ms`)
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
    // A seed of its own for each run finds what one seed never would; a failure prints it.
    const seed = Math.floor(Math.random() * 2 ** 31)
    const lists: string[] = []
    const read: string[][] = []
    for (const words of fc.sample(line, { numRuns: 20_000, seed })) {
      const list = words.join(' ')
      let known: readonly (string | null)[]
      try {
        const [command, ...more] = readShell(`printf ${list}`)
        if (command === undefined || more.length > 0) continue
        known = command.words.slice(1).map(word => word.text)
      } catch {
        continue
      }
      if (known.length === 0 || known.includes(null)) continue
      lists.push(list)
      read.push(known.filter(word => word !== null))
    }
    assert.ok(lists.length > 10_000, String(lists.length))
    for (let at = 0; at < lists.length; at += 500) {
      const real = wordsOfBash(lists.slice(at, at + 500))
      for (let next = 0; next < real.length; next += 1) {
        assert.deepEqual(read[at + next], real[next], `seed ${seed}: ${JSON.stringify(lists[at + next])}`)
      }
      assert.equal(real.length, Math.min(500, lists.length - at))
    }
  })
})

/** Damaged lines that are run in both shells; more of them where SALLYPORT_LINES says so. */
const UNDERSTOOD = Number(process.env['SALLYPORT_LINES'] ?? 40)

describe('the programs of a line, beside bash and sh', () => {
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
    'pa &>/dev/null',
    'pa &>/dev/null pb',
    '[[ x || pb ]]',
    '[[ -n x && pc ]]',
    "pa $'x\\'; pb; \\''",
    "pa $'x\\x41'",
    'pa |& pc',
    'X+=1 pb',
    'pa >&2 pb',
    'time -p pc',
    '{ pa; } 2>&1',
    'exec -a x pd',
    'pa "${X:-pb}"',
    'pa ${X:-$(pb)}',
    'pd; # pa',
    'pa\\ pb',
    "'pa pb'",
    'pa&pb',
    'command -v pa',
    '! { pb; }',
    'xargs -I x pc x </dev/null',
    'find / -maxdepth 0 -exec pd {} ;',
    "find / -maxdepth 0 -exec pd {} ';'",
    'cd / && pa',
    'export Y=pb; $Y',
    'eval pa',
    'set -- pa; "$@"',
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

  for (const shell of ['bash', 'dash'] as const) {
    it(`are all found, wherever ${shell} finds one to run`, async () => {
      const seed = Math.floor(Math.random() * 2 ** 31)
      const lines = fc.sample(line, { numRuns: 250, seed })
      const understood = lines.filter(text => readShellLine(text).doubt === null)
      assert.ok(understood.length > 30, `seed ${seed}: ${understood.length}`)
      const ran = await assertAllFound(shell, understood, seed)
      assert.ok(ran.flat().length > 50, `seed ${seed}`)
    })
  }

  // Damage of every kind that could make the reader and a shell disagree on where a command begins.
  const damage = fc.record({
    text: line,
    marks: fc.array(
      fc.tuple(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(
          '\\\n',
          '\\',
          '"',
          "'",
          '`',
          '$',
          '$(',
          ')',
          '(',
          '\n',
          ';',
          '&',
          '|',
          '#',
          ' #',
          '{',
          '}',
          '<<E\n',
          'E\n',
          '&>x ',
          '>&',
          '<',
          "$'",
          '!',
          '[[ ',
          ' ]]',
          'do ',
          'case x in ',
        ),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  })
  const damaged = damage.map(({ text, marks }) => {
    let made = text
    for (const [at, mark] of marks) {
      const place = Math.floor(at * made.length)
      made = made.slice(0, place) + mark + made.slice(place)
    }
    return made
  })

  it('are all found in lines that were damaged', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    // Most damaged lines are a doubt, and then there is nothing to compare: more are made until enough are none.
    const understood: string[] = []
    for (let more = 0; understood.length < UNDERSTOOD; more += 1) {
      assert.ok(more < 100, `seed ${seed}: ${understood.length} of ${more * 300} lines`)
      const lines = fc.sample(damaged, { numRuns: 300, seed: seed + more })
      understood.push(...lines.filter(text => !/find|cd/.test(text) && readShellLine(text).doubt === null))
    }
    for (const shell of ['bash', 'dash'] as const) {
      await assertAllFound(shell, understood, seed)
    }
  })
})

/** Every program that a shell ran for a line was read from it; what ran, line by line. */
async function assertAllFound(shell: 'bash' | 'dash', lines: readonly string[], seed: number): ReturnType<typeof programsThatRun> {
  const ran = await programsThatRun(shell, lines, ['pa', 'pb', 'pc', 'pd'])
  lines.forEach((text, index) => {
    const { programs } = readShellLine(text)
    for (const program of ran[index] ?? [])
      assert.ok(programs.includes(program), `seed ${seed}: ${JSON.stringify(text)} runs ${program} in ${shell}, read ${programs.join()}`)
  })
  return ran
}
