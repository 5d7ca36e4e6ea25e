import assert from 'node:assert/strict'
import { Command } from 'commander'
import { describe, it } from 'node:test'
import { tellUsageErrors } from '../../cli/usage-error.ts'

/** What is told of these words. */
async function toldOf(...words: readonly string[]): Promise<string> {
  let told = ''
  const program = new Command('sallyport').exitOverride()
  const policy = program.command('policy')
  policy.command('check').option('--config <file>').option('--speed <factor>')
  policy.command('explain').argument('<command...>').requiredOption('--claims <file>')
  tellUsageErrors(program, text => (told += text))
  await assert.rejects(program.parseAsync([...words], { from: 'user' }), { exitCode: 1 })
  return told
}

describe('a mistake in a command line', () => {
  it('has its number, what was meant, and where it is written how', async () => {
    assert.equal(
      await toldOf('polcy'),
      "SALLYPORT-E32 unknown command 'polcy'\n  fix: did you mean policy?; sallyport --help says what there is\n",
    )
    assert.equal(
      await toldOf('policy', 'check', '--confg', 'x'),
      "SALLYPORT-E32 unknown option '--confg'\n  fix: did you mean --config?; sallyport policy check --help says what there is\n",
    )
    assert.match(await toldOf('policy', 'explain', 'DROP'), /^SALLYPORT-E32 required option '--claims <file>' not specified\n {2}fix: /)
    assert.match(await toldOf('policy', 'check', '--config'), /^SALLYPORT-E32 option '--config <file>' argument missing\n/)
  })

  it('says how a file is named where one stands without its option', async () => {
    const told = await toldOf('policy', 'check', 'sallyport.yml')
    assert.match(
      told,
      /^SALLYPORT-E32 too many arguments for 'check'\. Expected 0 arguments but got 1\n {2}fix: a policy file is named by --config FILE; /,
    )
  })
})
