// The Action's main step: starts the gateway, hands its endpoints to the job, and goes. It decides nothing about commands.
import { addPath, exportVariable, setOutput, setSecret } from '@actions/core'
import { userInfo } from 'node:os'
import path from 'node:path'
import type { Ready } from '../gateway/control/protocol.ts'
import { includeSshConfig } from '../gateway/control/ssh-client-config.ts'
import { readInputs, type Inputs } from './inputs.ts'
import { launchForJob, type JobGateway } from './launch.ts'
import { checkPreconditions } from './preconditions.ts'
import { reportFailure, reportReady } from './report.ts'
import { keepSshFolder, keepState } from './state.ts'

const cancelled = new AbortController()
// A cancelled job gets SIGINT, 7.5 s later SIGTERM: what was started is ended before.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => cancelled.abort())

try {
  await run()
} catch (error) {
  reportFailure(error)
  process.exitCode = 1
}

async function run(): Promise<void> {
  const started = performance.now()
  const inputs = readInputs(process.env)
  checkPreconditions(process.env)
  const gateway = await launchForJob(inputs, process.env, path.join(import.meta.dirname, 'gateway.mjs'), cancelled.signal)
  const { launched } = gateway
  const { ready } = launched
  if (cancelled.signal.aborted) {
    await launched.finish('the job was cancelled')
    return
  }
  try {
    for (const value of [...ready.hide, ready.control.secret]) setSecret(value)
    keepFor(gateway)
    tellJob(ready, inputs, gateway.binDir)
    tellSsh(gateway)
    reportReady(ready, performance.now() - started, inputs.isolation)
  } finally {
    // Also when the job could not be told: then post ends the gateway.
    launched.letGo()
  }
}

/** Before anything else is told: a step that fails from here on still has its gateway ended by post. */
function keepFor({ launched: { ready }, privateDir }: JobGateway): void {
  keepState({ ...ready.control, pid: ready.pid, run: ready.run, key: ready.key, leftIn: privateDir })
}

/** Kept before it is written: a block that is not there is no harm to post, one that stays is. */
function tellSsh({ launched: { ready }, clientDir }: JobGateway): void {
  if (!ready.endpoints.some(({ protocol }) => protocol === 'ssh')) return
  keepSshFolder(clientDir)
  includeSshConfig(userInfo().homedir, clientDir, null)
}

function tellJob(ready: Ready, inputs: Inputs, binDir: string): void {
  const connections = Object.fromEntries(
    ready.endpoints.map(({ name, protocol, host, port, url }) => [name, { protocol, host, port, url }]),
  )
  setOutput('run', ready.run)
  setOutput('key', ready.key)
  setOutput('connections', JSON.stringify(connections))
  // A variable cannot be removed for later steps, only emptied. What `env://` names was for the gateway.
  for (const name of ready.remove) exportVariable(name, '')
  addPath(binDir)
  if (!inputs.exportEnv) return
  for (const [name, value] of Object.entries(ready.environment)) exportVariable(name, value)
}
