// Answers a request with a Status, where there is still somebody to tell.
import type { ServerResponse } from 'node:http'
import type { StatusAnswer } from './status-answer.ts'

export function sendStatus(response: ServerResponse, { code, body }: StatusAnswer): void {
  if (response.destroyed || response.writableEnded) return
  if (response.headersSent) {
    // Half an answer is out: the client must not take it for a whole one.
    response.destroy()
    return
  }
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': body.length, 'cache-control': 'no-cache, private' })
  response.end(body)
}
