// Requests that two readers of HTTP could take apart: they are answered and not looked at any further.
import type { IncomingMessage } from 'node:http'

/** What is wrong with the head of a request, in words; null when it is one thing to every reader. */
export function framingProblem({ headers, rawHeaders }: IncomingMessage): string | null {
  const transfer = headers['transfer-encoding']
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked') return 'its body is transferred in a way that is not read here'
  const coding = headers['content-encoding']
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity') return 'its body is packed, which no API server reads'
  return isTwice(rawHeaders, 'host') ? 'it names two hosts' : null
}

function isTwice(rawHeaders: readonly string[], name: string): boolean {
  let times = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const header = rawHeaders[at] ?? ''
    if (header.length === name.length && header.toLowerCase() === name) times += 1
  }
  return times > 1
}
