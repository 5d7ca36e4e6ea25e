import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { selfCheck, type Process } from '../../../gateway/adapter/isolation/self-check.ts'

const status =
  'TracerPid:\t0\nUid:\t999\t999\t999\t999\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n'
const maps =
  '5581-5582 r-xp 00000000 08:01 12 /opt/node\n7f00-7f01 r-xp 00000000 08:01 13 /usr/lib/libc.so.6\n7f02-7f03 rw-p 00000000 00:00 0 \n7ffd-7ffe r-xp 00000000 00:00 0 [vdso]\n'

/** A process that holds in every point, with one thing changed. */
function processWith(changes: Partial<Process> = {}, owners: Readonly<Record<string, { uid: number; mode: number }>> = {}): Process {
  return {
    platform: 'linux',
    uid: 999,
    groups: [995],
    flags: ['--disable-sigusr1'],
    variables: [],
    memoryOwner: 0,
    status,
    limits: 'Max core file size        0                    0                    bytes     \n',
    maps,
    programs: ['/opt/node', '/opt/gateway.mjs'],
    ownerOf: file => owners[file] ?? { uid: 0, mode: 0o100644 },
    ...changes,
  }
}
const expected = { isolation: 'user', flags: ['--disable-sigusr1'] } as const

describe('self-check of a gateway', () => {
  it('finds nothing to say about a shielded process', () => {
    assert.deepEqual(selfCheck(expected, processWith()), [])
  })

  const broken: readonly (readonly [string, RegExp, Process])[] = [
    ['root', /runs as root/, processWith({ uid: 0 })],
    ['another platform', /no way to check/, processWith({ platform: 'darwin' })],
    ['a dumpable process', /memory is readable/, processWith({ memoryOwner: 999 })],
    ['memory of unknown owner', /memory is readable/, processWith({ memoryOwner: null })],
    ['a tracer', /being traced/, processWith({ status: status.replace('TracerPid:\t0', 'TracerPid:\t77') })],
    [
      'capabilities',
      /capabilities \(CapEff\)/,
      processWith({ status: status.replace('CapEff:\t0000000000000000', 'CapEff:\t0000000000200000') }),
    ],
    ['an unreadable status', /being traced.*CapEff/, processWith({ status: null })],
    ['the group root', /group root/, processWith({ groups: [0, 995] })],
    ['core files', /core file/, processWith({ limits: 'Max core file size        0                    unlimited            bytes\n' })],
    ['another flag', /flags that are not ours/, processWith({ flags: ['--disable-sigusr1', '--inspect'] })],
    ['steering variables', /steer it: NODE_OPTIONS/, processWith({ variables: ['NODE_OPTIONS'] })],
    [
      'a preloaded library',
      /code is loaded .*\/tmp\/evil\.so/,
      processWith({ maps: `${maps}7f10-7f11 r-xp 00000000 08:01 14 /tmp/evil.so\n` }, { '/tmp/evil.so': { uid: 1001, mode: 0o100755 } }),
    ],
    ['a library that others may write', /libc/, processWith({}, { '/usr/lib/libc.so.6': { uid: 0, mode: 0o100666 } })],
    ['a script of the job', /may write \/opt\/gateway\.mjs/, processWith({}, { '/opt/gateway.mjs': { uid: 1001, mode: 0o100644 } })],
  ]
  for (const [name, message, self] of broken) {
    it(`refuses ${name}`, () => assert.throws(() => selfCheck(expected, self), { code: 'ISOLATION_IMPOSSIBLE', message }))
  }

  it('warns, and only warns, when no isolation was asked for', () => {
    assert.match(selfCheck({ isolation: 'none', flags: [] }, processWith({ uid: 0, memoryOwner: 0 })).join(), /guards against accidents/)
  })

  it('names every point that does not hold, so that one look is enough', () => {
    assert.throws(() => selfCheck(expected, processWith({ uid: 0, memoryOwner: 5, groups: [0] })), /runs as root.*memory.*group root/)
  })
})
