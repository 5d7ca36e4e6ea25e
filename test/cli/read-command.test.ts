import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readCommands } from '../../cli/read-command.ts'
import type { Command } from '../../gateway/core/command.ts'
import { parsePolicy } from '../../gateway/policy/parse-policy.ts'

const file = parsePolicy(
  `version: 1
issuers: { github: { url: https://token.actions.githubusercontent.com, audience: sallyport } }
groups: { all: { issuer: github, when: "true" } }
connections:
  db: { protocol: postgres, address: db.internal, database: app, credential: env://A, groups: [all] }
  web: { protocol: ssh, address: web.internal, host-keys: ["SHA256:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"], credential: env://B, groups: [all] }
  prod: { protocol: kubernetes, address: "https://10.0.0.1:6443", credential: env://C, groups: [all] }
rules: [{ name: all, on: [db, web, prod], then: allow }]
`,
  'p.yml',
)

function read(connection: string, text: string): Promise<readonly Command[]> {
  const entry = file.connections.get(connection)
  assert.ok(entry !== undefined)
  return readCommands(entry, text)
}

async function request(text: string): Promise<readonly unknown[]> {
  const [command] = await read('prod', text)
  assert.ok(command?.protocol === 'kubernetes')
  return [command.verb, command.resource, command.namespace, command.name, command.certainty]
}

describe('a command as a person writes it', () => {
  it('is a request line or the words of `kubectl auth can-i`, which mean the same request', async () => {
    const deletion = ['delete', 'deployments.apps', 'shop', 'web', 'parsed']
    assert.deepEqual(await request('DELETE /apis/apps/v1/namespaces/shop/deployments/web'), deletion)
    assert.deepEqual(await request('delete deployments.apps web -n shop'), deletion)
    assert.deepEqual(await request('delete deployments.apps web --namespace shop'), deletion)
    assert.deepEqual(await request('list pods -n shop'), ['list', 'pods', 'shop', '', 'parsed'])
    assert.deepEqual(await request('watch pods -n shop'), ['watch', 'pods', 'shop', '', 'parsed'])
    assert.deepEqual(await request('get nodes n-1'), ['get', 'nodes', '', 'n-1', 'parsed'])
    assert.deepEqual(await request('deletecollection pods -n shop'), ['deletecollection', 'pods', 'shop', '', 'parsed'])
  })

  it('carries the words of an exec and a dry run', async () => {
    const [exec] = await read('prod', 'create pods/exec web-0 -n shop -- sh -c id')
    assert.ok(exec?.protocol === 'kubernetes')
    assert.deepEqual([exec.resource, exec.name, exec.argv], ['pods/exec', 'web-0', ['sh', '-c', 'id']])
    const [dry] = await read('prod', 'create secrets -n shop --dry-run')
    assert.ok(dry?.protocol === 'kubernetes' && dry.dryRun)
  })

  it('is a command line, a file operation, a shell or a forward for ssh', async () => {
    const verbs = await Promise.all(
      ['systemctl restart app', 'sftp:write /srv/app/x', 'shell:', 'forward:db:5432'].map(text => read('web', text)),
    )
    assert.deepEqual(
      verbs.map(([command]) => (command?.protocol === 'ssh' ? [command.request, command.operation, command.resources] : null)),
      [
        ['exec', null, []],
        ['sftp', 'write', ['/srv/app/x']],
        ['shell', null, []],
        ['forward', 'local', ['db:5432']],
      ],
    )
  })

  it('is refused when it is none of them: never a guess', async () => {
    for (const text of [
      '',
      'get',
      'kubectl get pods',
      'get pods',
      'list pods web',
      'frob pods x',
      'get pods x -o yaml',
      'GET /api/v1/../x',
      'GET /api',
    ])
      await assert.rejects(() => read('prod', text), { code: 'USAGE' }, text)
    for (const text of ['sftp:write', '/usr/lib/openssh/sftp-server', 'ls \u202e'])
      await assert.rejects(() => read('web', text), { code: 'USAGE' }, text)
    await assert.rejects(() => read('db', '  '), { code: 'USAGE' })
  })
})
