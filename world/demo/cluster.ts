// The demo's Kubernetes: a stand-in for an API server with one Secret, and a real kubectl, where there is one.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { startKubernetes } from '../kubernetes/server.ts'
import type { KubernetesServer } from '../kubernetes/server.ts'
import { runJob, type JobEnvironment } from './job.ts'
import { must, quote, say, step } from './screen.ts'

export interface Cluster {
  readonly server: KubernetesServer
  /** What the Secret holds. */
  readonly password: string
}

/** null where kubectl is not installed. */
export async function openCluster(): Promise<Cluster | null> {
  if (spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status !== 0) return null
  const server = await startKubernetes()
  const password = randomBytes(12).toString('base64url')
  server.put('Secret', { metadata: { name: 'db', namespace: 'shop' }, stringData: { password } })
  return { server, password }
}

/** The job’s kubectl: a Secret is hidden, a deletion does not get there. */
export async function showCluster(cluster: Cluster | null, job: JobEnvironment): Promise<void> {
  if (cluster === null) {
    step('Kubernetes')
    say('  left out: kubectl is not installed')
    return
  }
  const { server, password } = cluster
  step('kubectl get secret db -o yaml   (a stand-in for a cluster, and the kubectl of this machine)')
  const read = await runJob('kubectl', ['-n', 'shop', 'get', 'secret', 'db', '-o', 'yaml'], job)
  quote(read.stdout + read.stderr, 6)
  const encoded = Buffer.from(password).toString('base64')
  must(read.status === 0 && read.stdout.includes('name: db'), 'the Secret is shown')
  must(!read.stdout.includes(password) && !read.stdout.includes(encoded), 'what it holds is not')
  must(!JSON.stringify(job).includes(server.token), 'the job has no token of the cluster')
  step('kubectl delete secret db')
  const removed = await runJob('kubectl', ['-n', 'shop', 'delete', 'secret', 'db'], job)
  quote(removed.stderr, 3)
  must(removed.status !== 0 && removed.stderr.includes('sallyport: denied by rule'), 'blocked before it reached the cluster')
  must(!server.seen.some(({ method }) => method === 'DELETE'), 'the cluster did not see it')
}
