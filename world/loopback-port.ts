// Ports on loopback for servers that cannot choose one by themselves.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { claim } from './claim.ts'

const LOWEST = 10_000
/** Where the kernel begins to take ports for clients, and for servers that ask for any, unless it says otherwise. */
const KERNEL_FIRST = 32_768

/**
 * Ports nobody listens on now, all different, and nobody else gets while this process lives: they lie below those that the kernel gives to
 * whoever asks for any, and are claimed among the processes that come here for one.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = randomInt(LOWEST, kernelFirst())
    const release = await claim(`port-${port}`)
    if (release === null) continue
    if (await isFree(port)) ports.push(port)
    else release()
  }
  return ports
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

export async function isListening(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}

function kernelFirst(): number {
  try {
    const first = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0])
    // A machine that gives the kernel nearly all of them leaves no room of our own.
    return first >= LOWEST + 1_000 ? first : KERNEL_FIRST
  } catch {
    return KERNEL_FIRST
  }
}
