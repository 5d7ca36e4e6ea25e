import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileGlob } from '../../gateway/policy/glob.ts'
import { exec, kubernetes, outcomeOf, ssh } from './policy-that.ts'
import { cpuMsOf } from '../cpu-time.ts'

const sshAllow = (part: string): string => `  - { name: a, ssh: { ${part} }, then: allow }\n`
const sshDeny = (part: string): string => `  - { name: e, then: allow }\n  - { name: d, ssh: { ${part} }, then: deny }\n`
const kubeAllow = (part: string): string => `  - { name: a, kubernetes: { ${part} }, then: allow }\n`
const kubeDeny = (part: string): string => `  - { name: e, then: allow }\n  - { name: d, kubernetes: { ${part} }, then: deny }\n`

function write(...paths: string[]): ReturnType<typeof ssh> {
  return ssh({ request: 'sftp', operation: 'write', paths })
}

describe('ssh rules', () => {
  it('allow a command only when every program in it is listed', () => {
    const rule = sshAllow('requests: [exec], programs: [systemctl, journalctl]')
    assert.equal(outcomeOf(rule, exec(['systemctl', 'status']), 'web'), 'allow')
    assert.equal(outcomeOf(rule, exec(['/usr/bin/systemctl', 'status']), 'web'), 'allow')
    assert.equal(outcomeOf(rule, exec(['systemctl', 'status'], ['rm', '-rf', '/']), 'web'), 'deny')
    assert.equal(outcomeOf(rule, exec(['/tmp/systemctl']), 'web'), 'deny')
    assert.equal(outcomeOf(rule, exec(), 'web'), 'deny')
    assert.equal(outcomeOf(rule, ssh({ ...exec(['systemctl']), certainty: 'opaque' }), 'web'), 'deny')
  })

  it('deny a command when one program in it is listed, wherever the program lies', () => {
    const rule = sshDeny('programs: [rm]')
    assert.equal(outcomeOf(rule, exec(['ls'], ['/tmp/x/rm', 'y']), 'web'), 'deny')
    assert.equal(outcomeOf(rule, exec(['ls']), 'web'), 'allow')
  })

  it('compare commands word by word', () => {
    const rule = sshAllow('commands: ["systemctl restart shop-*", [cat, "/var/log/a b"], "journalctl -u shop **"]')
    assert.equal(outcomeOf(rule, exec(['systemctl', 'restart', 'shop-web']), 'web'), 'allow')
    assert.equal(outcomeOf(rule, exec(['systemctl', 'restart', 'sshd']), 'web'), 'deny')
    assert.equal(outcomeOf(rule, exec(['systemctl', 'restart', 'shop-web', 'sshd']), 'web'), 'deny')
    assert.equal(outcomeOf(rule, exec(['cat', '/var/log/a b']), 'web'), 'allow')
    assert.equal(outcomeOf(rule, exec(['journalctl', '-u', 'shop']), 'web'), 'allow')
    assert.equal(outcomeOf(rule, exec(['journalctl', '-u', 'shop', '-n', '5']), 'web'), 'allow')
    assert.equal(outcomeOf(rule, exec(['journalctl', '-u']), 'web'), 'deny')
  })

  it('open a shell only when they name it, although nobody can read what is typed', () => {
    const shell = ssh({ request: 'shell', certainty: 'opaque' })
    assert.equal(outcomeOf(sshAllow('requests: [shell]'), shell, 'web'), 'allow')
    assert.equal(outcomeOf(sshAllow('requests: [exec]'), shell, 'web'), 'deny')
    assert.equal(outcomeOf(sshAllow('programs: ["*"]'), shell, 'web'), 'deny')
  })

  it('keep files to their folders', () => {
    const rule = sshAllow('requests: [sftp], operations: [write], paths: ["/srv/app/**"]')
    assert.equal(outcomeOf(rule, write('/srv/app/a/b'), 'web'), 'allow')
    for (const path of ['/srv/app/../../etc/passwd', '/srv/app/./x', 'srv/app/x', '/srv/application', '/srv//app/x', '']) {
      assert.equal(outcomeOf(rule, write(path), 'web'), 'deny', path)
    }
    assert.equal(outcomeOf(rule, write('/srv/app/a', '/etc/b'), 'web'), 'deny')
    assert.equal(outcomeOf(rule, ssh({ request: 'sftp', operation: 'remove', paths: ['/srv/app/a'] }), 'web'), 'deny')
    const deny = sshDeny('paths: ["/etc/**"]')
    assert.equal(outcomeOf(deny, write('/etc/x'), 'web'), 'deny')
    assert.equal(outcomeOf(deny, write('../etc/x'), 'web'), 'deny')
    assert.equal(outcomeOf(deny, write('/srv/x'), 'web'), 'allow')
  })
})

describe('kubernetes rules', () => {
  it('compare verb, resource, namespace, name and dry run', () => {
    const rule = kubeAllow(
      'verbs: [get, list], resources: [pods, deployments.apps], namespaces: ["shop-*"], names: ["web-*"], dry-run: false',
    )
    const of = (rest: Parameters<typeof kubernetes>[0]): string => outcomeOf(rule, kubernetes({ namespace: 'shop-1', ...rest }), 'prod')
    assert.equal(of({}), 'allow')
    assert.equal(of({ resource: 'deployments.apps' }), 'allow')
    for (const rest of [
      { verb: 'delete' },
      { resource: 'deployments' },
      { resource: 'pods/log' },
      { namespace: 'other' },
      { namespace: '' },
      { name: 'db-0' },
      { name: '' },
      { dryRun: true },
      { certainty: 'partial' as const },
    ]) {
      assert.equal(of(rest), 'deny', JSON.stringify(rest))
    }
  })

  it('never let "may get" open a way into a pod or node', () => {
    for (const resource of ['pods/exec', 'pods/attach', 'pods/portforward', 'nodes/proxy', 'services/proxy', 'serviceaccounts/token']) {
      assert.equal(outcomeOf(kubeAllow('verbs: [get]'), kubernetes({ resource }), 'prod'), 'deny', resource)
      assert.equal(outcomeOf(kubeAllow('verbs: [get], resources: ["*"]'), kubernetes({ resource }), 'prod'), 'deny', resource)
      assert.equal(outcomeOf(kubeAllow(`verbs: [get], resources: [${resource}]`), kubernetes({ resource }), 'prod'), 'allow', resource)
      assert.equal(outcomeOf(kubeAllow('verbs: [get], resources: ["*/*"]'), kubernetes({ resource }), 'prod'), 'allow', resource)
    }
    assert.equal(outcomeOf(kubeAllow('verbs: [get], resources: ["*"]'), kubernetes({ resource: 'pods/log' }), 'prod'), 'allow')
  })

  it('deny what goes over all namespaces or all names when one of them is closed', () => {
    const closed = kubeDeny('namespaces: [kube-system]')
    assert.equal(outcomeOf(closed, kubernetes({ verb: 'list', namespace: '', name: '' }), 'prod'), 'deny')
    assert.equal(outcomeOf(closed, kubernetes({ verb: 'list', resource: 'nodes', namespace: '', name: '' }), 'prod'), 'allow')
    assert.equal(outcomeOf(closed, kubernetes({ namespace: 'shop' }), 'prod'), 'allow')
    assert.equal(outcomeOf(kubeDeny('names: [web-0]'), kubernetes({ verb: 'deletecollection', name: '' }), 'prod'), 'deny')
    assert.equal(outcomeOf(kubeDeny('names: [web-0]'), kubernetes({ name: 'web-1' }), 'prod'), 'allow')
  })

  it('read the words of exec', () => {
    const rule = kubeAllow('resources: [pods/exec], commands: ["ls **"]')
    assert.equal(outcomeOf(rule, kubernetes({ resource: 'pods/exec', argv: ['ls', '-l'] }), 'prod'), 'allow')
    assert.equal(outcomeOf(rule, kubernetes({ resource: 'pods/exec', argv: ['id'] }), 'prod'), 'deny')
    assert.equal(outcomeOf(rule, kubernetes({ resource: 'pods/exec', argv: [] }), 'prod'), 'deny')
  })
})

describe('a glob', () => {
  for (const [source, yes, no] of [
    ['/srv/*', ['/srv/a', '/srv/'], ['/srv/a/b', '/srv']],
    ['/srv/**', ['/srv/a', '/srv/a/b', '/srv/'], ['/srv', '/srva']],
    ['/a/**/z', ['/a/b/z', '/a/b/c/z'], ['/a/z', '/a/b/zz']],
    ['a?c', ['abc'], ['ac', 'a/c', 'abbc']],
    ['*.log', ['x.log', '.log'], ['a/x.log', 'x.log1']],
    ['**', ['', 'a', 'a/b'], []],
    ['a.b', ['a.b'], ['axb']],
    ['', [''], ['a']],
  ] as const) {
    it(`${JSON.stringify(source)} stays within its segments`, () => {
      const glob = compileGlob(source, '/')
      for (const text of yes) assert.ok(glob.matches(text), text)
      for (const text of no) assert.ok(!glob.matches(text), text)
    })
  }

  it('does not backtrack', () => {
    const spentMs = cpuMsOf(() => {
      assert.equal(compileGlob(`${'*a'.repeat(30)}b`, '/').matches('a'.repeat(3000)), false)
      assert.equal(compileGlob(`${'**a'.repeat(30)}b`, '/').matches('a/'.repeat(3000)), false)
    })
    assert.ok(spentMs < 3000, `${spentMs} ms`)
  })
})
