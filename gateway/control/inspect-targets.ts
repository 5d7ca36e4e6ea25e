// Has a gateway look at the targets of a policy and end: for `sallyport doctor`. Credentials stay in the gateway's process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { SallyportError } from '../core/errors.ts'
import { deferred } from './deferred.ts'
import { errorOf } from './gateway-error.ts'
import type { GatewayStart } from './gateway-start.ts'
import { readLines } from './line-reader.ts'
import { lineOf, readFromGateway } from './messages.ts'
import type { InspectRequest, Inspected } from './protocol.ts'

const ANSWER_WITHIN_MS = 30_000
/** From the answer to the end of the process: credentials are given back before the answer. */
const END_WITHIN_MS = 5_000

/** @throws {SallyportError} what the gateway said; GATEWAY_LOST when it died or took too long. */
export async function askToInspect(start: GatewayStart, request: Omit<InspectRequest, 'kind'>): Promise<Inspected['connections']> {
  const child = spawn(start.file, [...start.args], { cwd: '/', env: { ...start.environment }, stdio: ['pipe', 'pipe', 'ignore'] })
  const answer = deferred<Inspected['connections']>()
  const ended = once(child, 'close').catch(() => undefined)
  const lost = (why: string): void => answer.reject(new SallyportError('GATEWAY_LOST', `the gateway could not look at the targets: ${why}`))
  child.once('error', () => lost('it could not be started'))
  child.stdin.on('error', () => undefined)
  readLines(child.stdout, {
    onLine: line => {
      const message = readFromGateway(line)
      if (message?.kind === 'inspected') answer.resolve(message.connections)
      else if (message?.kind === 'failed') answer.reject(errorOf(message))
      else lost('it said something else')
    },
    onEnd: () => lost('it ended'),
  })
  const timer = setTimeout(() => lost('it took too long'), ANSWER_WITHIN_MS)
  child.stdin.write(lineOf({ kind: 'inspect', ...request }))
  try {
    return await answer.promise
  } finally {
    clearTimeout(timer)
    child.stdin.end()
    const end = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS)
    await ended
    clearTimeout(end)
  }
}
