// Requests are read as the API server reads them; what could be read in two ways is refused.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { readKubernetesRequest } from '../../../gateway/command/kubernetes/kubernetes-command.ts'
import { playKubernetesRequests } from '../../cases/kubernetes.ts'
import { bytes, envelope } from '../../wire/kubernetes/protobuf-writer.ts'
import { ownRequests } from './own-requests.ts'

const read = (method: string, target: string, body: Buffer | null = null): ReturnType<typeof readKubernetesRequest> =>
  readKubernetesRequest({ method, target, body })

function dry(target: string, body: string | null): boolean {
  const reading = read('DELETE', target, body === null ? null : Buffer.from(body))
  return reading.kind === 'command' && reading.command.dryRun
}

describe('reading a Kubernetes request', () => {
  for (const row of playKubernetesRequests()) it(`case ${row.id}: ${row.expected}`, () => assert.ok(row.ok, row.got))

  for (const [request, expected] of ownRequests) {
    it(`${request} is ${expected}`, () => {
      const [method = '', target = ''] = request.split(' ')
      const reading = read(method, target)
      if (reading.kind !== 'command') assert.equal(reading.kind, expected)
      else {
        const { verb, resource, namespace, name, certainty, dryRun } = reading.command
        const words = [verb || '-', resource, namespace || '-', name || '-', certainty, ...(dryRun ? ['dry-run'] : [])]
        assert.equal(words.join(' '), expected)
      }
    })
  }

  const word = fc
    .stringMatching(/^[a-z][a-z0-9-]{0,12}$/)
    .filter(text => !['namespaces', 'watch', 'proxy', 'status', 'finalize'].includes(text))
  const verbs = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const

  it('finds again what a path was made of', () => {
    fc.assert(
      fc.property(
        fc.record({
          group: fc.option(word),
          namespace: fc.option(word),
          resource: word,
          name: word,
          sub: fc.option(fc.constantFrom('status', 'scale', 'log')),
        }),
        fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
        ({ group, namespace, resource, name, sub }, method) => {
          const path = `${group === null ? '/api/v1' : `/apis/${group}/v1`}${namespace === null ? '' : `/namespaces/${namespace}`}/${resource}/${name}${sub === null ? '' : `/${sub}`}`
          const reading = read(method, path)
          assert.equal(reading.kind, 'command')
          if (reading.kind !== 'command') return
          const { command } = reading
          assert.equal(command.verb, verbs[method])
          assert.equal(command.resource, `${resource}${group === null ? '' : `.${group}`}${sub === null ? '' : `/${sub}`}`)
          assert.deepEqual([command.namespace, command.name, command.certainty], [namespace ?? '', name, 'parsed'])
        },
      ),
    )
  })

  it('refuses any canonical path once it is written in another way', () => {
    const disguise = fc.constantFrom<(path: string, at: number) => string>(
      (path, at) => `${path.slice(0, at)}/${path.slice(at)}`,
      (path, at) => `${path.slice(0, at)}/.${path.slice(at)}`,
      (path, at) => `${path.slice(0, at)}/x/..${path.slice(at)}`,
      (path, at) => `${path.slice(0, at + 1)}%${(path.charCodeAt(at + 1) || 47).toString(16)}${path.slice(at + 2)}`,
      (path, at) => `${path.slice(0, at)}%2F${path.slice(at + 1)}`,
    )
    fc.assert(
      fc.property(word, word, word, disguise, fc.nat(5), (namespace, resource, name, change, place) => {
        const path = `/api/v1/namespaces/${namespace}/${resource}/${name}`
        const slashes = Array.from(path).flatMap((letter, index) => (letter === '/' ? [index] : []))
        assert.equal(read('GET', change(path, slashes[place] ?? 0)).kind, 'refused')
      }),
    )
  })

  it('never throws, and never calls an unknown method understood', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (method, target) => {
        const reading = read(method, target)
        if (reading.kind === 'command' && !['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(method)) {
          assert.notEqual(reading.command.certainty, 'parsed')
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes the options of a deletion from its body where it has one', () => {
    const target = '/api/v1/namespaces/a/pods/p'
    assert.deepEqual(
      [
        dry(`${target}?dryRun=All`, null),
        dry(`${target}?dryRun=All`, '{}'),
        dry(target, '{"dryRun":["All"]}'),
        dry(target, '{"dryRun":[]}'),
        dry(`${target}?dryRun=All`, 'no json'),
      ],
      [true, false, true, false, false],
    )
  })

  it('takes them from protobuf too', () => {
    const target = '/api/v1/namespaces/a/pods/p'
    const dryOf = (body: Buffer): boolean => {
      const reading = read('DELETE', target, body)
      return reading.kind === 'command' && reading.command.dryRun
    }
    assert.ok(dryOf(envelope('v1', 'DeleteOptions', bytes(5, 'All'))))
    assert.ok(!dryOf(envelope('v1', 'DeleteOptions', bytes(4, 'All'))))
    assert.ok(!dryOf(envelope('v1', 'DeleteOptions', Buffer.concat([bytes(5, 'All'), bytes(5, 'x')]))))
    assert.ok(!dryOf(Buffer.concat([envelope('v1', 'DeleteOptions', bytes(5, 'All')), Buffer.from([0xff])])))
  })

  it('reads the words of an exec, in order and unescaped', () => {
    const reading = read('POST', '/api/v1/namespaces/a/pods/p/exec?command=sh&command=-c&command=echo+%22hi%22%26')
    assert.deepEqual(reading.kind === 'command' ? reading.command.argv : [], ['sh', '-c', 'echo "hi"&'])
  })
})
