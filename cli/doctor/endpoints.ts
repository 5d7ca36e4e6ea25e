// Checks of the endpoints a job was given (E15): each answers from where this runs.
import { once } from 'node:events'
import net from 'node:net'
import type { Finding } from './finding.ts'

const WITHIN_MS = 3_000

/** Every `SALLYPORT_<NAME>_URL`; none where Sallyport's step has not run. */
export async function checkEndpoints(environment: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const urls = Object.entries(environment).filter(([name, value]) => /^SALLYPORT_\w+_URL$/.test(name) && URL.canParse(value))
  return Promise.all(urls.map(([name, value]) => checkEndpoint(name, new URL(value))))
}

async function checkEndpoint(name: string, { hostname, port }: URL): Promise<Finding> {
  const what = `endpoint of ${name}`
  const socket = net.connect({ host: hostname, port: Number(port) })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(WITHIN_MS) })
    return { id: 'E15', what, state: 'fine', words: `${hostname}:${port} answers`, fix: null }
  } catch {
    const fix = 'a container has a 127.0.0.1 of its own: run Sallyport in the same container; otherwise the gateway has ended, see its step'
    return { id: 'E15', what, state: 'bad', words: `${hostname}:${port} does not answer from here`, fix }
  } finally {
    socket.destroy()
  }
}
