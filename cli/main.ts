// The command line: names, options and exit statuses of CONTRACT 4. Each command lives in its own file and returns its status.
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import path from 'node:path'
import { version } from '../gateway/core/version.ts'
import { doctor } from './doctor.ts'
import { exec } from './exec.ts'
import { processIo, type Io } from './io.ts'
import { policyCheck } from './policy-check.ts'
import { policyExplain } from './policy-explain.ts'
import { policyTest } from './policy-test.ts'
import { printError } from './print-error.ts'
import { replay } from './replay.ts'
import { tellUsageErrors } from './usage-error.ts'
import { verify } from './verify.ts'

const USAGE = 2
const POLICY = 'policy file (default: .github/sallyport.yml, then sallyport.yml)'
const gatewayScript = path.join(import.meta.dirname, 'gateway.mjs')
const io = processIo()

process.exitCode = await run(process.argv.slice(2))

async function run(args: readonly string[]): Promise<number> {
  let status = 0
  const program = describe(io, made => (status = made))
  try {
    await program.parseAsync([...args], { from: 'user' })
    return status
  } catch (error) {
    // commander has printed it already; help and version are no mistake.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE
    return printError(error, io)
  }
}

/** All commands; each tells `done` its exit status. */
function describe(io: Io, done: (status: number) => void): Command {
  const program = new Command('sallyport')
  program
    .description('the gate between a CI job and production: it records, masks, asks and blocks')
    .version(version)
    .exitOverride()
    // Options after COMMAND are its own.
    .enablePositionalOptions()
    .configureOutput({ writeOut: text => io.stdout(text), writeErr: text => io.stderr(text) })

  program
    .command('exec')
    .description('run COMMAND with a gateway; its exit status is ours')
    .usage('[options] -- COMMAND…')
    .argument('[command...]')
    .option('--config <file>', POLICY)
    .option('--connection <name>', 'connection to open, may be repeated (default: all that the identity may open)', collect, [])
    .option('--token-file <file>', "OIDC token (default: from GitHub's variables)")
    .option('--gateway <url>', 'a standalone gateway instead of one on this machine (not in this version)')
    .option('--pull-request <number>', 'where people are asked', readNumber)
    .option('--out <dir>', 'gets the sealed recording (default: sallyport-recording, or the next with a number that is free)')
    .option('--user <name>', 'run COMMAND as this user, without the variables that mint tokens')
    .option('--signing-key <file>', 'sign the recording with this Ed25519 key (PEM) instead of one made for the run')
    .passThroughOptions()
    .action(async (command: readonly string[], options) => done(await exec(command, options, gatewayScript, io)))

  program
    .command('verify')
    .description('check a recording: signature, tree, completeness')
    .argument('<path>', 'folder, zip or HTML')
    .option('--key <vkey>', 'the key that must have signed it, as printed at start')
    .option('--identity <file>', "an auditor's age key file: what is encrypted is checked too")
    .option('--json', 'one JSON object on stdout')
    .action(async (file: string, options) => done(await verify(file, options, io)))

  program
    .command('replay')
    .description('show a recording')
    .argument('<path>', 'folder, zip or HTML')
    .option('--session <id>', 'only this session')
    .option('--identity <file>', "an auditor's age key file, for an encrypted recording")
    .option('--format <format>', 'text, json, cast or html')
    .option('--speed <factor>', 'times as fast as it happened', readNumber)
    .option('--idle-limit <seconds>', 'no pause of a terminal is longer (2)', readNumber)
    .action(async (file: string, options) => done(await replay(file, options, io)))

  const policy = program.command('policy').description('check, test and explain the policy file')
  policy
    .command('check')
    .description('read the file, and say all that is wrong with it')
    .option('--config <file>', POLICY)
    .option('--schema', 'print the JSON Schema instead')
    .action(options => done(policyCheck(options, io)))
  policy
    .command('test')
    .description("run the file's own tests:")
    .option('--config <file>', POLICY)
    .option('--format <format>', 'text, tap, junit or github')
    .action(async options => done(await policyTest(options, io)))
  policy
    .command('explain')
    .description('say why: policy explain --claims claims.json --connection NAME -- COMMAND')
    .argument('<command...>')
    .option('--config <file>', POLICY)
    .requiredOption('--claims <file>', "the token's claims, as JSON")
    .requiredOption('--connection <name>', 'of the policy')
    .option('--issuer <name>', "entry of issuers: (default: by the claims' iss)")
    .option('--json', 'one JSON object on stdout')
    .passThroughOptions()
    .action(async (command: readonly string[], options) => done(await policyExplain({ ...options, command }, io)))

  program
    .command('gateway')
    .description('the standalone gateway service (not in this version)')
    .option('--config <file>')
    .option('--listen <address>')
    .option('--admin <address>')
    .action(() => {
      io.stderr(
        'SALLYPORT-E32 this version has no standalone gateway\n  fix: use the Action or sallyport exec, which start one on this machine\n',
      )
      done(USAGE)
    })

  program
    .command('doctor')
    .description('check the set-up, and say what to do')
    .option('--config <file>', POLICY)
    .option('--json', 'one JSON object on stdout')
    .action(async options => done(await doctor(options, gatewayScript, io)))

  tellUsageErrors(program, text => io.stderr(text))
  return program
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value]
}

function readNumber(value: string): number {
  const number = Number(value)
  if (Number.isFinite(number) && number > 0) return number
  throw new InvalidArgumentError('a number above 0 is wanted')
}
