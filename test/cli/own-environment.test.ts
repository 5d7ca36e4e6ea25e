import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { describe, it } from 'node:test'

const source = path.resolve(import.meta.dirname, '../../cli/own-environment.ts')

/** What a process of its own shows of its environment after it erased `names`. */
function shownBy(names: readonly string[], environment: Record<string, string>): { proc: string; own: string; child: string } {
  const script = `
    import { eraseVariables } from ${JSON.stringify(source)}
    import { execFileSync } from 'node:child_process'
    import { readFileSync } from 'node:fs'
    eraseVariables(${JSON.stringify(names)})
    const proc = readFileSync('/proc/self/environ', 'latin1')
    const child = execFileSync('/usr/bin/env', { encoding: 'latin1' })
    console.log(JSON.stringify({ proc, own: JSON.stringify(process.env), child }))`
  const args = ['--input-type=module-typescript', '--no-warnings', '-e', script]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', env: environment })) as ReturnType<typeof shownBy>
}

describe('variables that are taken from a process', () => {
  it('are in nothing that it shows of itself or hands on, and the others are as they were', () => {
    const shown = shownBy(['SECRET', 'ABSENT'], { BEFORE: 'one', SECRET: 'canary=with=signs', SECRET_TWO: 'stays', AFTER: 'canar' })
    for (const text of Object.values(shown)) assert.ok(!text.includes('canary=with'), text)
    assert.match(shown.proc, /BEFORE=one\0SECRET=\0+SECRET_TWO=stays\0AFTER=canar\0/)
    assert.match(shown.child, /^AFTER=canar$/m)
    assert.doesNotMatch(shown.child, /^SECRET=/m)
  })
})
