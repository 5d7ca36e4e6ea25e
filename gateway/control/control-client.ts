// Asks a running gateway over its control listener. Holds no authority: it asks, and hands on what the gateway answered.
import { request as httpRequest } from 'node:http'
import { SallyportError } from '../core/errors.ts'
import { errorOf } from './gateway-error.ts'
import { readLines } from './line-reader.ts'
import { readFromGateway } from './messages.ts'
import type { Finished } from './protocol.ts'

export interface Control {
  readonly port: number
  readonly secret: string
}

const lostHow = {
  why: 'nothing answers at its control port any more: it was ended, or the machine ran out of memory',
  fix: 'what was recorded until then is kept, without its end; start the job again',
}

/**
 * Asks the gateway to seal the recording and to end, and waits until its process is gone.
 * @throws {SallyportError} GATEWAY_LOST when nothing (or not a gateway) answers within `waitMs`; what the gateway said when it failed.
 */
export function askToFinish(control: Control, waitMs: number): Promise<Finished> {
  return new Promise((resolve, reject) => {
    let answer: ReturnType<typeof readFromGateway> = null
    const settle = (): void => {
      clearTimeout(timer)
      if (answer?.kind === 'finished') resolve(answer)
      else if (answer?.kind === 'failed') reject(errorOf(answer))
      else reject(new SallyportError('GATEWAY_LOST', 'the gateway is gone before it could be asked to finish', lostHow))
    }
    const request = httpRequest({
      host: '127.0.0.1',
      port: control.port,
      method: 'POST',
      path: '/finish',
      agent: false,
      headers: { authorization: `Bearer ${control.secret}` },
    })
    const timer = setTimeout(() => request.destroy(), waitMs)
    request.on('error', settle)
    request.on('response', response => {
      readLines(response, {
        onLine: line => {
          answer ??= readFromGateway(line)
        },
        onEnd: settle,
      })
    })
    request.end()
  })
}
