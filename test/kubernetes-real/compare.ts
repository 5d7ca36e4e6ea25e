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
    all.push({ status: ran.status, stdout: hasOrder(args) ? stdout : inOrder(stdout), stderr: settled(ran.stderr, namespace, way) })
  }
  const [direct, through] = all
  assert.deepEqual(through, direct, `${path.basename(program)} ${args.join(' ')}`)
  assert.equal(direct?.status, status, direct?.stderr)
  return direct
}

/**
 * False where two runs on the same side differ: the server orders managed fields by the second in which they were written, and old
 * kubectls describe the keys of an object in the order of a hash table.
 */
function hasOrder(args: readonly string[]): boolean {
  return !args.includes('describe') && !(args.includes('-o') && args.some(arg => arg === 'yaml' || arg === 'json'))
}

/** The same lines, sorted; a comma in JSON belongs to a place, not to a line. */
function inOrder(text: string): string {
  return text
    .split('\n')
    .map(line => line.replace(/,$/, ''))
    .toSorted()
    .join('\n')
}

/** Without names of the side, times, ages, uids, versions of objects, and addresses. */
export function settled(text: string, namespace: string, way: Way): string {
  return text
    .replaceAll(namespace, 'NS')
    .replaceAll(/https:\/\/(?:127\.0\.0\.1|localhost):\d+/g, 'SERVER')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS')
    .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g, 'UID')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, 'TIME')
    .replaceAll(/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
    .replaceAll(/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} +\d{1,2} \d\d:\d\d:\d\d \d{4}/g, 'TIME')
    .replaceAll(/(resourceVersion"?: ?"?)\d+/g, '$1N')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g, 'TIME')
    .replaceAll(/\/tmp\/[\w./-]+/g, 'FILE')
    .replaceAll(/(?<= )(?:\d+[smhd])+(?= *$| +\S)/gm, 'AGE')
    .replaceAll(/10\.0\.0\.\d+/g, 'CLUSTER-IP')
    .replaceAll(/ *\t */g, '\t')
    .replaceAll(/ +/g, ' ')
    .replaceAll(new RegExp(`\\b${way}\\b`, 'g'), 'CONTEXT')
}
