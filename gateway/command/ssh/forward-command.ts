// A connection through the target, or a place on the target where connections are taken, as a command: judged by where it leads to.
import { isIPv6 } from 'node:net'
import type { SshCommand } from '../../core/command.ts'

/** `tcp`, `unix`: the target connects to it. `tcp-listen`, `unix-listen`: the target listens there for the client. */
export type ForwardKind = 'tcp' | 'unix' | 'tcp-listen' | 'unix-listen'

export interface Forward {
  readonly kind: ForwardKind
  /** Host as it is judged and sent: `127.0.0.1` however it was written; the path for a socket. */
  readonly host: string
  /** 0 for a socket. */
  readonly port: number
}

/** Names and addresses as resolvers take them; anything else could be read as something else. */
const NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})$/
const MAX_SOCKET_PATH = 200

/**
 * A host and port in one spelling only: addresses in decimal, names in lower case without the last dot. null when it is no host, so that a
 * rule which denies `tcp 127.0.0.1:5432` also takes `0x7f.1`.
 */
export function readTcpForward(kind: 'tcp' | 'tcp-listen', host: string, port: number): Forward | null {
  if (port < (kind === 'tcp' ? 1 : 0) || port > 65_535) return null
  // Every address of the target: clients say it as nothing at all.
  if (kind === 'tcp-listen' && (host === '' || host === '*')) return { kind, host: '', port }
  const plain = canonicalHost(host)
  return plain === null ? null : { kind, host: plain, port }
}

/** A socket by its path; null unless it is absolute, without dots and links to itself, and readable. */
export function readSocketForward(kind: 'unix' | 'unix-listen', path: string): Forward | null {
  const isPlain = /^(?:\/[\x21-\x7E]+)+$/.test(path) && !/\/(?:\.{0,2}(?:\/|$))/.test(path) && path.length <= MAX_SOCKET_PATH
  return isPlain ? { kind, host: path, port: 0 } : null
}

/** What a rule's `commands:` sees as the second word: `db.internal:5432`, `[::1]:22`, `*:8080`, `/run/app.sock`. */
export function destinationOf({ kind, host, port }: Forward): string {
  if (kind === 'unix' || kind === 'unix-listen') return host
  return `${host === '' ? '*' : host.includes(':') ? `[${host}]` : host}:${port}`
}

export function forwardCommand(forward: Forward): SshCommand {
  const { kind } = forward
  const destination = destinationOf(forward)
  return {
    protocol: 'ssh',
    request: 'forward',
    verb: 'forward',
    resources: [destination],
    text: `forward ${kind} ${destination}`,
    certainty: 'opaque',
    doubt: 'what will be sent through it is not known',
    programs: [],
    argvs: [[kind, destination]],
    operation: kind.endsWith('listen') ? 'remote' : 'local',
    paths: [],
  }
}

/** The client's own agent or display, opened to the target: whoever is root there can use it while the client is connected. */
export function borrowedCommand(request: 'agent' | 'x11'): SshCommand {
  return {
    protocol: 'ssh',
    request,
    verb: 'forward',
    resources: [],
    text: request === 'agent' ? '(agent forwarding)' : '(X11 forwarding)',
    certainty: 'opaque',
    doubt: 'what the target will do with it is not known',
    programs: [],
    argvs: [[request]],
    operation: 'remote',
    paths: [],
  }
}

function canonicalHost(host: string): string | null {
  const [address = '', zone] = host.replace(/^\[(.*)\]$/, '$1').split('%')
  if (isIPv6(address)) {
    if (zone !== undefined && !/^[A-Za-z0-9._-]{1,32}$/.test(zone)) return null
    const short = new URL(`http://[${address}]/`).hostname.slice(1, -1)
    const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short)
    if (mapped === null) return zone === undefined ? short : `${short}%${zone}`
    const [high, low] = [mapped[1] ?? '', mapped[2] ?? ''].map(part => Number.parseInt(part, 16))
    return [high ?? 0, low ?? 0].flatMap(part => [part >> 8, part & 0xff]).join('.')
  }
  if (!NAME.test(host)) return null
  // The parser of URLs knows the old ways to write an address: hexadecimal, octal, few parts. A figure it refuses leads nowhere.
  const url = `http://${host}/`
  return URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : null
}
