// Reads and writes the lines of the control protocol. A line from the other side is unknown until one of these has read it.
import * as z from 'zod/mini'
import type { FromGateway, FromLauncher } from './protocol.ts'

/** Longest line either side accepts: a launch carries a whole environment and maybe a policy, an answer a summary. */
export const MAX_LINE_CHARS = 8 * 1024 * 1024

const words = z.array(z.string())
const textOrNull = z.nullable(z.string())
const texts = z.record(z.string(), z.string())

const finish = z.object({ kind: z.literal('finish'), reason: z.string() })

const policy = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('text'), text: z.string(), name: z.string() }),
  z.object({ kind: z.literal('github'), config: z.string() }),
])

const inspect = z.object({
  kind: z.literal('inspect'),
  policy,
  token: textOrNull,
  githubToken: z.string(),
  environment: texts,
})

const launch = z.object({
  kind: z.literal('launch'),
  policy,
  connections: words,
  token: textOrNull,
  audience: z.string(),
  githubToken: z.string(),
  pullRequest: z.nullable(z.int().check(z.positive())),
  environment: texts,
  event: textOrNull,
  out: textOrNull,
  clientDir: z.string(),
  isolation: z.enum(['user', 'none']),
  watchPid: z.nullable(z.int().check(z.positive())),
  timeToLiveMs: z.nullable(z.number().check(z.positive())),
  artifact: z.nullable(z.object({ name: z.string(), retentionDays: z.nullable(z.int().check(z.positive())) })),
  attest: z.boolean(),
  signingKey: z.exactOptional(z.string()),
})

const ready = z.object({
  kind: z.literal('ready'),
  run: z.string(),
  key: z.string(),
  endpoints: z.array(
    z.object({
      name: z.string(),
      protocol: z.enum(['postgres', 'ssh', 'kubernetes']),
      host: z.string(),
      port: z.int(),
      url: z.string(),
    }),
  ),
  environment: texts,
  files: z.array(z.object({ path: z.string(), text: z.string(), isPrivate: z.exactOptional(z.boolean()) })),
  hide: words,
  remove: words,
  control: z.object({ port: z.int(), secret: z.string() }),
  pid: z.int(),
  words,
  warnings: words,
})

const failed = z.object({
  kind: z.literal('failed'),
  code: z.string(),
  id: z.string(),
  exitStatus: z.int(),
  message: z.string(),
  why: textOrNull,
  fix: textOrNull,
})

const inspected = z.object({
  kind: z.literal('inspected'),
  connections: z.array(z.object({ name: z.string(), warnings: words, failure: z.nullable(failed) })),
})

const finished = z.object({
  kind: z.literal('finished'),
  run: z.string(),
  key: z.string(),
  out: textOrNull,
  counts: z.record(z.string(), z.number()),
  summary: z.string(),
  words,
  warnings: words,
  artifactUrl: textOrNull,
})

const fromLauncher = z.discriminatedUnion('kind', [launch, inspect, finish])
const fromGateway = z.discriminatedUnion('kind', [ready, inspected, failed, finished])

/** What a launcher said in one line; null when it is no message of this protocol. Never throws, never echoes the line. */
export function readFromLauncher(line: string): FromLauncher | null {
  return fromLauncher.safeParse(jsonOf(line)).data ?? null
}

/** What a gateway said in one line; null when it is no message of this protocol. */
export function readFromGateway(line: string): FromGateway | null {
  return fromGateway.safeParse(jsonOf(line)).data ?? null
}

/** One message as one line, with its end. */
export function lineOf(message: FromLauncher | FromGateway): string {
  return `${JSON.stringify(message)}\n`
}

function jsonOf(line: string): unknown {
  if (line.length > MAX_LINE_CHARS) return null
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
