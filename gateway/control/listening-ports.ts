// Ports of 127.0.0.1 where somebody listens, as Linux tells everybody; null where the system does not say.
import { readFileSync } from 'node:fs'

/** `0100007F:A1B2 00000000:0000 0A`: local address, remote address, state LISTEN. proc(5), /proc/net/tcp. */
const LISTENING = /^\s*\d+: 0100007F:([0-9A-F]{4}) [0-9A-F]{8}:0000 0A /gm

export function listeningPorts(): ReadonlySet<number> | null {
  try {
    return new Set(Array.from(readFileSync('/proc/net/tcp', 'latin1').matchAll(LISTENING), ([, port = '']) => Number.parseInt(port, 16)))
  } catch {
    return null
  }
}
