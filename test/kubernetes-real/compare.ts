// The same commands, once straight to the server in one namespace and once through the gateway in another: all they say must be equal,
// but for what no two runs have in common.
import assert from 'node:assert/strict'
import path from 'node:path'
import type { RealStage, Ran, RunOptions, Way } from './stage.ts'

export type Side = { readonly way: Way; readonly namespace: string }
export const sides: readonly Side[] = [
  { way: 'direct', namespace: 'side-direct' },
  { way: 'open', namespace: 'side-open' },
]

/** @param args `NS` stands for the namespace. @param status the exit status that both must have. */
export async function assertSame(
  stage: RealStage,
  program: string,
  args: readonly string[],
  { status = 0, ...options }: RunOptions & { readonly status?: number } = {},
): Promise<Ran> {
  const all: Ran[] = []
  // One after the other: what the second does must find what the first found.
  for (const { way, namespace } of sides) {
    const own = args.map(arg => arg.replaceAll('NS', namespace))
    const input = options.input?.replaceAll('NS', namespace)
    const ran = await stage.run(program, way, own, { ...options, ...(input === undefined ? {} : { input }) })
    const stdout = settled(ran.stdout, namespace, way)
    const isHashed = program.endsWith('kubectl-oldest') && args.includes('describe')
    all.push({ ...ran, stdout: isHashed ? withKeysInOrder(stdout) : stdout, stderr: settled(ran.stderr, namespace, way) })
  }
  const [direct, through] = all
  assert.deepEqual(through, direct, `${path.basename(program)} ${args.join(' ')}`)
  assert.equal(direct?.status, status, direct?.stderr)
  return direct
}

/**
 * Managed fields of one object in one order: the server orders equal ones by the second in which they were written. An entry stays
 * whole, and nothing else is moved.
 */
function withManagedFieldsInOrder(text: string): string {
  const lines = text.split('\n')
  for (const [at, line] of lines.entries()) {
    const found = /^( *)("?)managedFields\2: ?\[?$/.exec(line)
    if (found === null) continue
    const [, indent = '', quote] = found
    const start = quote === '' ? `${indent}- ` : `${indent}    {`
    const entries: string[][] = []
    for (const below of lines.slice(at + 1)) {
      if (below.startsWith(start)) entries.push([])
      else if (!below.startsWith(`${indent}  `)) break
      // In JSON a comma belongs to the place of an entry, not to the entry.
      entries.at(-1)?.push(below === `${indent}    },` ? `${indent}    }` : below)
    }
    const inOrder = entries.toSorted((a, b) => (a.join('\n') < b.join('\n') ? -1 : 1)).flat()
    lines.splice(at + 1, inOrder.length, ...inOrder)
  }
  return lines.join('\n')
}

/** kubectl 1.20 describes the keys of an object in the order of a hash table: runs of them, each with what it holds, in one order. */
function withKeysInOrder(text: string): string {
  return text
    .replaceAll(/(?:^\S+:[ \t]+\d+ bytes\n)+/gm, run => sorted(run.match(/^.*\n/gm)))
    .replaceAll(/(?:^\S+:\n----\n.*\n)+/gm, run => sorted(run.match(/^\S+:\n----\n.*\n/gm)))
}

function sorted(parts: readonly string[] | null): string {
  return (parts ?? []).toSorted().join('')
}

/**
 * kubectl says this of itself when it has its answer before the watch that it opened for it is answered; on a busy machine it does so
 * directly, too.
 */
const lostWatch = /^E\d{4} [\d:.]+ +\d+ reflector\.go:\d+\] "Failed to watch" err="Get [^\n]*: context canceled" [^\n]*\n/gm

/** Without names of the side, times, ages, uids, versions of objects, and addresses. */
export function settled(text: string, namespace: string, way: Way): string {
  const withoutTimes = text
    .replaceAll(lostWatch, '')
    .replaceAll(namespace, 'NS')
    .replaceAll(/https:\/\/(?:127\.0\.0\.1|localhost):\d+/g, 'SERVER')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS')
    .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g, 'UID')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, 'TIME')
    .replaceAll(/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
    .replaceAll(/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} +\d{1,2} \d\d:\d\d:\d\d \d{4}/g, 'TIME')
    .replaceAll(/(resourceVersion"?: ?"?)\d+/g, '$1N')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g, 'TIME')
  return withManagedFieldsInOrder(withoutTimes)
    .replaceAll(/\/tmp\/[\w./-]+/g, 'FILE')
    .replaceAll(/(?<= )(?:\d+[smhd])+(?= *$| +\S)/gm, 'AGE')
    .replaceAll(/10\.0\.0\.\d+/g, 'CLUSTER-IP')
    .replaceAll(/ *\t */g, '\t')
    .replaceAll(/ +/g, ' ')
    .replaceAll(new RegExp(`\\b${way}\\b`, 'g'), 'CONTEXT')
}
