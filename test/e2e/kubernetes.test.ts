// kubectl in a job, as a user runs it: `sallyport exec`, a policy file, a real kubectl, a cluster behind the gateway.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startShop, type Shop } from '../../world/github/shop.ts'
import { startIssuer, type Issuer } from '../../world/issuer/issuer.ts'
import { startKubelet, type Kubelet } from '../../world/kubernetes/kubelet.ts'
import { startKubernetes, type KubernetesServer } from '../../world/kubernetes/server.ts'
import { root, run, type Ran } from './exec-stage.ts'

const CANARY = 'hunter2-canary-value'

describe('kubectl through sallyport exec', () => {
  let world: KubernetesServer
  let issuer: Issuer
  let shop: Shop
  let dir: string
  let kubelet: Kubelet
  before(async () => {
    ;[world, issuer, shop] = await Promise.all([startKubernetes(), startIssuer(), startShop()])
    dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-kubectl-'))
    world.put('Secret', { metadata: { name: 'db', namespace: 'shop' }, stringData: { password: CANARY } })
    world.put('ConfigMap', { metadata: { name: 'settings', namespace: 'shop' }, data: { password: CANARY, mode: 'fast' } })
    world.put('Pod', {
      metadata: { name: 'web-0', namespace: 'shop' },
      spec: { containers: [{ name: 'c', image: 'x' }] },
      status: { phase: 'Running' },
    })
    kubelet = startKubelet({ folder: dir })
    world.kubelet = kubelet.handle
    writeFileSync(path.join(dir, 'ca.pem'), world.ca)
    writeFileSync(
      path.join(dir, 'sallyport.yml'),
      `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  prod: { protocol: kubernetes, address: "${world.address}", ca: ca.pem, credential: "env://CLUSTER_TOKEN", groups: [shop], impersonate: { user: "github:{claims.repository}", groups: [ci] } }
rules:
  - { name: looking, kubernetes: { verbs: [get, list, watch], namespaces: [shop] }, then: allow }
  - { name: own, kubernetes: { verbs: [create, patch, update], resources: [configmaps], namespaces: [shop] }, then: allow }
  - { name: inside, kubernetes: { resources: [pods/exec], namespaces: [shop], commands: ["echo **", "sh"] }, then: allow }
  - { name: removals, kubernetes: { verbs: [delete], namespaces: [shop] }, then: ask, approvers: dba, because: It is gone then. }
masks:
  - { name: settings, on: [prod], fields: ["configmaps:data.password"] }
approvers: { dba: { users: [dana], count: 1, timeout: 1m } }
`,
    )
    const claims = {
      aud: 'sallyport',
      repository: 'acme/shop',
      actor: 'sam',
      actor_id: String(shop.people.sam.id),
      event_name: 'pull_request',
    }
    writeFileSync(path.join(dir, 'token.jwt'), issuer.mint(claims))
  })
  after(async () => {
    kubelet.stop()
    await Promise.all([world.stop(), issuer.stop(), shop.github.stop()])
    rmSync(dir, { recursive: true, force: true })
  })

  const exec = (script: string, options: readonly string[] = []): Promise<Ran> => {
    rmSync(path.join(dir, 'rec'), { recursive: true, force: true })
    const args = ['exec', '--config', 'sallyport.yml', '--token-file', 'token.jwt', '--out', 'rec', ...options, '--', 'sh', '-c', script]
    return run(process.execPath, [path.join(root, 'dist/cli.mjs'), ...args], dir, {
      HOME: dir,
      CLUSTER_TOKEN: world.token,
      GITHUB_API_URL: shop.github.url,
      GITHUB_REPOSITORY: 'acme/shop',
      GITHUB_TOKEN: shop.workflowToken,
    })
  }

  it('gives the job a kubeconfig that opens the gateway only', async () => {
    const ran = await exec('cat "$KUBECONFIG"; env')
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /"current-context": "prod"/)
    assert.match(ran.stdout, /https:\/\/127\.0\.0\.1:\d+/)
    assert.ok(!ran.stdout.includes(world.token) && !ran.stdout.includes(`:${world.port}`))
  })

  it('reads, masks, applies, denies, and leaves a recording that verifies', async () => {
    const file = 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: own}\\ndata: {a: b}\\n'
    const ran = await exec(
      `set -x; kubectl -n shop get secret,configmap -o yaml && kubectl -n shop describe secret db && printf '${file}' | kubectl -n shop apply -f - && ! kubectl -n shop create secret generic x --from-literal=a=b && ! kubectl get pods -A`,
    )
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /configmap\/own created/)
    assert.match(ran.stderr, /\(Forbidden\): sallyport: denied by rule default/)
    const recorded = readFileSync(path.join(dir, 'rec', 'events.jsonl'), 'utf8')
    for (const hidden of [CANARY, Buffer.from(CANARY).toString('base64'), world.token]) {
      assert.ok(!(ran.stdout + ran.stderr + recorded).includes(hidden))
    }
    assert.equal(world.store.list({ group: '', version: 'v1', resource: 'secrets', isNamespaced: true } as never, 'shop').length, 1)
    const verified = await run(process.execPath, [path.join(root, 'dist/cli.mjs'), 'verify', 'rec'], dir, {})
    assert.equal(verified.status, 0, verified.stdout)
  })

  it('runs commands in pods that a rule lists, inside of a shell too, and keeps terminals', async () => {
    const ran = await exec(
      `kubectl -n shop exec web-0 -- echo plain && kubectl -n shop exec web-0 -- sh -c 'echo in; echo shell' && ! kubectl -n shop exec web-0 -- sh -c 'echo in; id' && printf 'echo a$((1+1))b\nexit 0\n' | script -qefc 'kubectl -n shop exec -it web-0 -- sh' /dev/null`,
    )
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /^plain\nin\nshell\n/)
    assert.match(ran.stdout, /a2b/)
    assert.match(ran.stderr, /denied/)
    assert.ok(!ran.stdout.includes('uid='))
    const casts = readdirSync(path.join(dir, 'rec', 'sessions')).filter(name => name.endsWith('.cast'))
    assert.equal(casts.length, 1)
    assert.match(readFileSync(path.join(dir, 'rec', 'sessions', casts[0] ?? ''), 'utf8'), /a2b/)
    const recorded = readFileSync(path.join(dir, 'rec', 'events.jsonl'), 'utf8')
    assert.match(recorded, /exit status 0; 0 bytes in, 6 bytes out/)
    const verified = await run(process.execPath, [path.join(root, 'dist/cli.mjs'), 'verify', 'rec'], dir, {})
    assert.equal(verified.status, 0, verified.stdout)
  })

  it('is the workflow to the cluster, in every request', () => {
    const named = world.seen.map(({ headers }) => [headers['impersonate-user'], headers['impersonate-group']].join(' '))
    assert.deepEqual([...new Set(named)], ['github:acme/shop ci'])
  })

  it('asks in the pull request with the diff, and deletes once an approver has said yes', async () => {
    world.put('ConfigMap', { metadata: { name: 'old', namespace: 'shop' }, data: { mode: 'fast' } })
    const running = exec('kubectl -n shop delete configmap old', ['--pull-request', '42'])
    const comment = await requestIn(shop)
    assert.match(comment, /```diff\n[\s\S]*^- {2}"data": \{$/m)
    const code = /\/sallyport approve ([0-9A-Z-]{9})/.exec(comment)?.[1] ?? ''
    assert.ok(!world.seen.some(({ method }) => method === 'DELETE'))
    shop.say(shop.people.dana, `/sallyport approve ${code}`)
    const ran = await running
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, /configmap "old" deleted/)
    assert.match(ran.stderr, /Warning: sallyport: held by rule removals/)
  })

  it('asks once for requests that are held at the same time', async () => {
    for (const name of ['one', 'two', 'three']) world.put('ConfigMap', { metadata: { name, namespace: 'shop' }, data: { name } })
    const before = shop.pull.comments.length
    writeFileSync(path.join(dir, 'together.mjs'), TOGETHER)
    const running = exec(`"${process.execPath}" together.mjs one two three`, ['--pull-request', '42'])
    const comment = await requestIn(shop, before)
    for (const name of ['one', 'two', 'three']) assert.match(comment, new RegExp(`DELETE /api/v1/namespaces/shop/configmaps/${name}`))
    assert.match(comment, /`DELETE` and 2 more on \*\*prod\*\*/)
    shop.say(shop.people.dana, `/sallyport approve ${/\/sallyport approve ([0-9A-Z-]{9})/.exec(comment)?.[1] ?? ''}`)
    const ran = await running
    assert.equal(ran.status, 0, ran.stderr)
    assert.equal(ran.stdout, '200 200 200\n')
    assert.equal(shop.pull.comments.slice(before).filter(({ body }) => body.startsWith('<!-- sallyport:request')).length, 1)
  })
})

/** As helm does it: one client, several requests at once. */
const TOGETHER = `import { readFileSync } from 'node:fs'
import https from 'node:https'
const { clusters, users } = JSON.parse(readFileSync(process.env.KUBECONFIG, 'utf8'))
const ca = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64')
const headers = { authorization: 'Bearer ' + users[0].user.token }
const remove = name => new Promise((resolve, reject) => {
  const url = clusters[0].cluster.server + '/api/v1/namespaces/shop/configmaps/' + name
  https.request(url, { method: 'DELETE', ca, headers, agent: false }, answer => resolve(answer.resume().statusCode)).once('error', reject).end()
})
console.log((await Promise.all(process.argv.slice(2).map(remove))).join(' '))
`

/** The body of the latest request for approval, once there is one. */
async function requestIn({ pull }: Shop, after = 0): Promise<string> {
  for (;;) {
    const found = pull.comments.slice(after).findLast(({ body }) => /\/sallyport approve [0-9A-Z]{4}-[0-9A-Z]{4}/.test(body))
    if (found !== undefined) return found.body
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
