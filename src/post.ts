// The Action's post step: knocks, prints what the gateway answers, and holds no authority. Earlier steps can have poisoned its
// environment, so the gateway has sealed, signed and shipped by itself before this learns of it.
import { info } from '@actions/core'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askToFinish } from '../gateway/control/control-client.ts'
import { failureOf } from '../gateway/control/gateway-error.ts'
import type { Finished } from '../gateway/control/protocol.ts'
import { excludeSshConfig } from '../gateway/control/ssh-client-config.ts'
import { reportFailure, reportFinished, refusedIn } from './report.ts'
import { readSshFolder, readState, type GatewayState } from './state.ts'
import { writeSummary } from './summary.ts'

/** From the end of the gateway until sudo, sockets and users are as they were: later post steps may need them. */
const RESTORED_WITHIN_MS = 10_000
/** GitHub gives a cancelled job 5 minutes for all its post steps. */
const FINISH_WITHIN_MS = 120_000

try {
  await run()
} catch (error) {
  reportFailure(error)
  process.exitCode = 1
}

async function run(): Promise<void> {
  const sshFolder = readSshFolder()
  if (sshFolder !== '') excludeSshConfig(userInfo().homedir, sshFolder)
  const state = readState()
  if (state === null) {
    info('sallyport: no gateway was started, so there is nothing to finish')
    return
  }
  const finished = await finish(state)
  reportFinished(finished)
  writeSummary(finished.summary, process.env)
  if (finished.key !== state.key || finished.run !== state.run) {
    throw failureOf('RECORDING_TAMPERED', 'what answered is not the gateway that was started', {
      why: 'its recording key differs from the one printed at start',
      fix: 'trust only a recording that `sallyport verify --key` accepts with the key printed at start',
    })
  }
  const refused = refusedIn(finished)
  if (refused > 0 && process.env['INPUT_FAIL-ON']?.trim() === 'denied') {
    throw failureOf('COMMAND_DENIED', `${refused} ${refused === 1 ? 'command was' : 'commands were'} refused, and \`fail-on\` is denied`)
  }
}

async function finish(state: GatewayState): Promise<Finished> {
  try {
    const finished = await askToFinish(state, FINISH_WITHIN_MS)
    if (state.leftIn !== null) await goneWithin(path.dirname(state.leftIn), RESTORED_WITHIN_MS)
    return finished
  } catch (error) {
    if (state.leftIn !== null) info(`sallyport: what is left of the recording is in ${state.leftIn}`)
    writeSummary(`### Sallyport: the gateway was lost\n\nThe recording \`${state.run}\` has no end. Key: \`${state.key}\`\n`, process.env)
    throw error
  }
}

async function goneWithin(folder: string, waitMs: number): Promise<void> {
  for (const until = performance.now() + waitMs; existsSync(folder) && performance.now() < until;) await sleep(20)
}
