// Addresses of issuers, sources and targets. Plain http only towards this machine.
import type { Protocol } from '../core/connection.ts'

export interface Address {
  readonly host: string
  readonly port: number
  readonly isPlain: boolean
}

/** `https://…`, or http to a loopback address; returns what is wrong, or null. */
export function urlProblem(text: string): string | null {
  const url = readUrl(text)
  if (url === null) return 'this is not a URL: https://…'
  if (url.username !== '' || url.password !== '') return 'a login never stands in a URL'
  if (url.hash !== '') return 'a URL here has no #'
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
    ? null
    : 'https only; http is for loopback addresses'
}

/** Host and port of a target, or what is wrong with them. */
export function parseAddress(protocol: Protocol, text: string): Address | string {
  return protocol === 'kubernetes' ? parseApiAddress(text) : parseHostPort(text, protocol === 'ssh' ? 22 : 5432)
}

function parseApiAddress(text: string): Address | string {
  const problem = urlProblem(text)
  if (problem !== null) return problem
  const url = readUrl(text)
  if (url === null || (url.pathname !== '/' && url.pathname !== '') || url.search !== '')
    return 'the address of a cluster is https://host:port, without a path'
  const isPlain = url.protocol === 'http:'
  return { host: unbracket(url.hostname), port: url.port === '' ? (isPlain ? 80 : 443) : Number(url.port), isPlain }
}

function parseHostPort(text: string, defaultPort: number): Address | string {
  const split = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))(?::(\d{1,5}))?$/.exec(text)
  if (split?.[1] === undefined) return 'an address is host:port, [v6]:port for IPv6'
  const port = split[2] === undefined ? defaultPort : Number(split[2])
  if (port < 1 || port > 65_535) return 'a port is 1 to 65535'
  return { host: unbracket(split[1]), port, isPlain: false }
}

function readUrl(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

function unbracket(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host
}

/** True for 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  const plain = unbracket(host)
  return plain === 'localhost' || plain === '::1' || /^127(?:\.\d{1,3}){3}$/.test(plain)
}
