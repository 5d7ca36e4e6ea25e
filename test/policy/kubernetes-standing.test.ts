// Requests with a standing of their own: no ordinary rule lets one through by accident, and each has a rule that does.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readKubernetesRequest } from '../../gateway/command/kubernetes/kubernetes-command.ts'
import type { KubernetesCommand } from '../../gateway/core/command.ts'
import { ruleMatcher } from '../../gateway/policy/rule-match.ts'
import { mismatchWords } from '../../gateway/policy/words.ts'
import { connections, decide, fileThat, head, outcomeOf, people, problemsOf } from './policy-that.ts'

function read(request: string): KubernetesCommand {
  const [method = '', target = ''] = request.split(' ')
  const reading = readKubernetesRequest({ method, target, body: null })
  assert.equal(reading.kind, 'command', request)
  if (reading.kind !== 'command') throw new Error(request)
  return reading.command
}

const allow = (part: string): string => `  - { name: a, kubernetes: { ${part} }, then: allow }\n`
const deny = (part: string): string => `  - { name: e, then: allow }\n  - { name: d, kubernetes: { ${part} }, then: deny }\n`

/** Request, what it is called, the rule that opens exactly it. */
const special: readonly (readonly [string, string, string])[] = [
  ['GET /api/v1/namespaces/shop/pods?watch=1', 'a watch', 'verbs: [watch], resources: [pods]'],
  ['DELETE /api/v1/namespaces/shop/pods', 'the deletion of all', 'verbs: [deletecollection], resources: [pods]'],
  ['POST /api/v1/namespaces/shop/pods/p/exec?command=ls', 'exec over SPDY', 'verbs: [create], resources: [pods/exec]'],
  ['GET /api/v1/namespaces/shop/pods/p/exec?command=ls', 'exec over WebSocket', 'verbs: [create], resources: [pods/exec]'],
  ['GET /api/v1/namespaces/shop/pods/p/attach?stdin=true', 'attach', 'resources: [pods/attach]'],
  ['GET /api/v1/namespaces/shop/pods/p/portforward', 'port-forward', 'verbs: [create], resources: [pods/portforward]'],
  ['GET /api/v1/namespaces/shop/pods/p/proxy/x', 'the proxy of a pod', 'verbs: [get], resources: [pods/proxy]'],
  ['POST /api/v1/namespaces/shop/services/s/proxy', 'the proxy of a service', 'verbs: [create], resources: ["*/proxy"]'],
  ['GET /api/v1/nodes/n/proxy/run/shop/p/c', 'the proxy of a node', 'verbs: [get], resources: [nodes/proxy]'],
  ['POST /api/v1/namespaces/shop/serviceaccounts/s/token', 'a token', 'verbs: [create], resources: [serviceaccounts/token]'],
  [
    'PATCH /api/v1/namespaces/shop/pods/p/ephemeralcontainers',
    'a debugging container',
    'verbs: [patch], resources: ["*/ephemeralcontainers"]',
  ],
  [
    'PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval',
    'the approval of a certificate',
    'verbs: [update], resources: [certificatesigningrequests.certificates.k8s.io/approval]',
  ],
  [
    'PATCH /apis/certificates.k8s.io/v1/certificatesigningrequests/c/status',
    'a signed certificate',
    'verbs: [patch], resources: [certificatesigningrequests.certificates.k8s.io/status]',
  ],
  ['POST /apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings', 'bind', 'verbs: [create, bind]'],
  ['PATCH /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/b', 'bind in the cluster', 'verbs: [patch, bind]'],
  ['PUT /apis/rbac.authorization.k8s.io/v1/clusterroles/r', 'escalate', 'verbs: [update, escalate]'],
  ['POST /apis/rbac.authorization.k8s.io/v1beta1/namespaces/shop/roles', 'escalate in an old version', 'verbs: [create, escalate]'],
  ['POST /apis/authorization.openshift.io/v1/namespaces/shop/rolebindings', 'bind of OpenShift', 'verbs: [create, bind]'],
]

describe('requests with a standing of their own', () => {
  for (const [request, name, opening] of special) {
    it(`${name} is let through by the rule that names it, and by no ordinary one`, () => {
      const command = read(request)
      for (const ordinary of [
        'verbs: [get, list, create, update, patch, delete]',
        'verbs: [get, list, create, update, patch, delete], resources: ["*"]',
        'verbs: [get, list, create, update, patch, delete], resources: ["**", "*.*", "pods/*", "nodes/*", "serviceaccounts/*", "*s/*"]',
        ...(command.verb === 'watch' ? [] : ['resources: ["*"]', 'namespaces: ["*"]', 'verbs: ["*"], dry-run: true']),
        ...(command.powers.length === 0 ? [] : ['verbs: ["*"], resources: ["*"]', 'verbs: ["*"], resources: ["pods/*", "*/*r*"]']),
      ]) {
        assert.equal(outcomeOf(allow(ordinary), command, 'prod'), 'deny', ordinary)
      }
      assert.equal(outcomeOf(allow(opening), command, 'prod'), 'allow', opening)
    })

    it(`${name} is in the preset admin, and in no other`, () => {
      for (const [use, outcome] of [
        ['read-only', 'deny'],
        ['careful', 'deny'],
        ['admin', 'allow'],
      ] as const) {
        const base = connections.replace('credential: env://TOKEN', `credential: env://TOKEN, approvers: sre, use: [${use}]`)
        assert.equal(decide(fileThat('', base), read(request), 'prod').outcome, outcome, use)
      }
    })
  }

  it('are explained by what the rule does not name', () => {
    const file = fileThat(`rules:\n${allow('verbs: [create], resources: ["*"]')}`)
    const [rule] = file.rules
    const command = read('POST /api/v1/namespaces/shop/pods/p/exec?command=ls')
    assert.ok(rule !== undefined)
    assert.equal(ruleMatcher(rule)(command, 0), 'resources')
    assert.equal(mismatchWords('resources', rule, command), 'resources: exec has a standing of its own, and the rule does not name it')
  })

  it('a rule for the proxies of pods and services does not open those of nodes', () => {
    const node = read('GET /api/v1/nodes/n/proxy/pods')
    for (const part of ['resources: ["*/proxy"]', 'resources: ["nodes/*"]', 'resources: ["node?/proxy"]']) {
      assert.equal(outcomeOf(allow(part), node, 'prod'), 'deny', part)
    }
  })

  it('a deny rule meets more than an allow rule takes', () => {
    for (const [part, request] of [
      ['verbs: [delete]', 'DELETE /api/v1/namespaces/shop/pods'],
      ['verbs: [list]', 'GET /api/v1/namespaces/shop/secrets?watch=1'],
      ['verbs: [bind, escalate]', 'POST /apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings'],
      ['verbs: [create], resources: ["pods/exec"]', 'GET /api/v1/namespaces/shop/pods/p/exec?command=ls'],
      ['resources: ["nodes/*"]', 'GET /api/v1/nodes/n/proxy/pods'],
      ['resources: ["*"]', 'POST /api/v1/namespaces/shop/serviceaccounts/s/token'],
    ] as const) {
      assert.equal(outcomeOf(deny(part), read(request), 'prod'), 'deny', `${part} ${request}`)
      assert.equal(outcomeOf(deny(part), read('GET /api/v1/namespaces/shop/pods/p'), 'prod'), part.includes('"*"') ? 'deny' : 'allow', part)
    }
  })

  it('a rule without kubernetes, and default: allow, take them: that is what they say', () => {
    const exec = read('GET /api/v1/namespaces/shop/pods/p/exec?command=ls')
    assert.equal(outcomeOf('  - { name: e, then: allow }\n', exec, 'prod'), 'allow')
    const open = connections.replace('credential: env://TOKEN', 'credential: env://TOKEN, default: allow')
    assert.equal(decide(fileThat('', open), exec, 'prod').outcome, 'allow')
    assert.equal(decide(fileThat('', open), read('GET /api/v1/namespaces/shop/pods/p/exec?command=sh'), 'prod').outcome, 'deny')
  })

  it('presets let through what they say, and ask for what is gone afterwards', () => {
    const of = (use: string, request: string): string => {
      const base = connections.replace('credential: env://TOKEN', `credential: env://TOKEN, approvers: sre, use: [${use}]`)
      return decide(fileThat('', base), read(request), 'prod').outcome
    }
    for (const [request, readOnly, careful] of [
      ['GET /api/v1/namespaces/shop/pods', 'allow', 'allow'],
      ['GET /api/v1/namespaces/shop/pods/p/log', 'allow', 'allow'],
      ['POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'allow', 'allow'],
      ['POST /api/v1/namespaces/shop/configmaps', 'deny', 'allow'],
      ['PATCH /apis/apps/v1/namespaces/shop/deployments/d/scale', 'deny', 'allow'],
      ['DELETE /api/v1/namespaces/shop/configmaps/c', 'deny', 'ask'],
      ['POST /api/v1/namespaces', 'deny', 'ask'],
      ['PATCH /api/v1/nodes/n', 'deny', 'ask'],
      ['POST /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', 'deny', 'ask'],
      ['GET /logs/kube-apiserver.log', 'deny', 'deny'],
    ] as const) {
      assert.deepEqual([of('read-only', request), of('careful', request)], [readOnly, careful], request)
    }
  })

  it('the preset admin is for kubernetes, and ssh has none', () => {
    const withUse = (name: string, use: string): string =>
      head + connections.replace(new RegExp(`(${name}: \\{.*?)groups`), `$1use: [${use}], groups`) + people
    assert.match(problemsOf(withUse('db', 'admin')).join('\n'), /admin is for kubernetes/)
    assert.match(problemsOf(withUse('web', 'read-only')).join('\n'), /for postgres and kubernetes/)
    assert.deepEqual(problemsOf(withUse('prod', 'admin')), [])
  })
})

describe('commands of exec', () => {
  const exec = (...words: readonly string[]): KubernetesCommand =>
    read(`GET /api/v1/namespaces/shop/pods/p/exec?${words.map(word => `command=${encodeURIComponent(word)}`).join('&')}`)
  const takes = (commands: string, command: KubernetesCommand): boolean =>
    outcomeOf(allow(`resources: [pods/exec], commands: [${commands}]`), command, 'prod') === 'allow'

  it('are compared as they are, and inside of a shell', () => {
    const rule = '"./migrate **", "ls **"'
    for (const words of [
      ['./migrate', 'up'],
      ['sh', '-c', './migrate up'],
      ['bash', '-lc', './migrate up && ls -l'],
      ['/bin/sh', '-ec', 'ls | ls'],
    ]) {
      assert.ok(takes(rule, exec(...words)), words.join(' '))
    }
    for (const words of [
      ['sh', '-c', './migrate up; rm -rf /'],
      ['sh', '-c', './migrate $(rm -rf /)'],
      ['sh', '-c', 'eval ls'],
      ['sh', '-c', './migrate up > /etc/passwd'],
      ['sh', '-c', 'ls < /etc/shadow'],
      ['sh', '-c', '$0', 'ls'],
      ['bash', '-c', '-e', 'ls'],
      ['bash', '-c', 'PATH=/tmp ls'],
      ['sh'],
      ['sh', 'ls'],
      ['python3', 'ls'],
      ['env', 'ls'],
      ['nsenter', '-t', '1', '-m', 'ls'],
      ['./migrate\u00a0up'],
    ]) {
      assert.ok(!takes(rule, exec(...words)), words.join(' '))
    }
  })

  it('are looked for behind wrappers, each of which needs its own word', () => {
    assert.ok(takes('"ls **", "env **"', exec('env', 'A=b', 'ls')))
    assert.ok(takes('"ls **", "nsenter -t 1 **"', exec('nsenter', '-t', '1', '-m', '-n', '--', 'ls', '/')))
    assert.ok(!takes('"ls **", "nsenter -t 1 **"', exec('nsenter', '-t', '1', '-m', '-n', 'rm', '/')))
    assert.ok(!takes('"nsenter **"', exec('nsenter', '-t', '1', '-m')))
    assert.ok(!takes('"ls **", "env **"', exec('env', 'LD_PRELOAD=x', 'ls')))
  })

  it('whose inside nobody knows are taken word for word, or by a rule that takes exec as a whole', () => {
    const shell = exec('bash')
    assert.deepEqual([shell.certainty, shell.doubt], ['partial', 'a shell that reads a file or its input'])
    assert.ok(takes('bash', shell))
    assert.ok(!takes('"bash **"', shell))
    assert.ok(!takes('"ba*"', shell))
    assert.ok(takes('"python manage.py migrate"', exec('python', 'manage.py', 'migrate')))
    assert.ok(!takes('"python manage.py migrate"', exec('python', 'manage.py', 'migrate', '--run')))
    assert.ok(!takes('"python manage.py *"', exec('python', 'manage.py', 'migrate')))
    assert.equal(outcomeOf(allow('resources: [pods/exec]'), shell, 'prod'), 'allow')
    assert.equal(outcomeOf(deny('commands: ["bash **"]'), shell, 'prod'), 'deny')
  })

  it('are met by a deny rule in a shell and as its words', () => {
    for (const words of [
      ['rm', '-rf', '/x'],
      ['sh', '-c', 'ls; rm -rf /x'],
      ['env', 'rm', '-rf', '/x'],
      ['sh', '-c', 'sh -c "rm x"'],
    ]) {
      assert.equal(outcomeOf(deny('commands: ["rm **"]'), exec(...words), 'prod'), 'deny', words.join(' '))
    }
    assert.equal(outcomeOf(deny('commands: ["rm **"]'), exec('ls', 'rm'), 'prod'), 'allow')
    assert.equal(outcomeOf(deny('commands: ["sh **"]'), exec('sh', '-c', 'ls'), 'prod'), 'deny')
  })

  it('with characters that nobody sees are refused', () => {
    for (const word of ['a\u0000', 'a\u202eb', 'a\u001b[2K']) {
      const target = `/api/v1/namespaces/shop/pods/p/exec?command=ls&command=${encodeURIComponent(word)}`
      assert.equal(readKubernetesRequest({ method: 'GET', target, body: null }).kind, 'refused', JSON.stringify(word))
    }
  })
})
