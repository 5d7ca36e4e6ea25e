// Objects with canaries in what is hidden, applied by kubectl itself so that their annotations hold a copy.
import { Canary } from './canary.ts'
import type { RealStage } from './stage.ts'

export interface CanaryObjects {
  readonly secret: Canary
  readonly setting: Canary
  readonly all: readonly Canary[]
}

/**
 * In namespace shop: Secret `db` and ConfigMap `settings` by `kubectl apply`; Secrets `made` and `big` (so long that the server packs it)
 * without it.
 */
export async function applyCanaries(stage: RealStage): Promise<CanaryObjects> {
  const [secret, setting] = [new Canary(), new Canary()]
  const long = `${'x'.repeat(150_000)}${secret.value}`
  stage.write(
    'canaries.yaml',
    `apiVersion: v1
kind: Secret
metadata: { name: db, namespace: shop }
stringData: { password: ${secret.value}, user: shop }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: shop }
data: { password: ${setting.value}, mode: fast }
`,
  )
  const applied = await stage.run(stage.kubectl, 'direct', ['apply', '-f', 'canaries.yaml'])
  if (applied.status !== 0) throw new Error(applied.stderr)
  const secrets = { big: long, made: secret.value }
  for (const [name, text] of Object.entries(secrets)) {
    const data = { text: Buffer.from(text).toString('base64') }
    await stage.api.ask('POST', '/api/v1/namespaces/shop/secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data })
  }
  return { secret, setting, all: [secret, setting] }
}
