// helm reads a release, notes in it what became of it, and writes it back. Read through covers it would destroy what is behind them: here it
// gets back what the stored release holds, before anybody judges it. Anything else with a cover in it is refused as every such write is.
import type { KubernetesReading } from '../../command/kubernetes/kubernetes-command.ts'
import { SallyportError } from '../../core/errors.ts'
import type { ObjectMask } from '../../core/masker.ts'
import { bodyForm, bodyJson } from './body-text.ts'
import { resourceOf } from './write-check.ts'

type Wish = Extract<KubernetesReading, { kind: 'command' }>

const RELEASE_NAME = /^sh\.helm\.release\.v1\./
const writes = new Set(['create', 'update', 'patch'])

export interface WrittenBody {
  readonly body: Buffer | null
  readonly contentType: string
}

/**
 * The body that is judged and sent: as it came, or with a release restored.
 * @param live asks for the stored object; null = it cannot be had.
 * @throws {SallyportError} MASK_UNPROVEN for a release that holds covers and cannot be restored.
 */
export async function releaseBody(
  wish: Wish,
  written: WrittenBody,
  masks: ObjectMask,
  live: () => Promise<Buffer | null>,
): Promise<WrittenBody> {
  const { command } = wish
  const resource = resourceOf(command)
  const mayHold = (command.resource === 'secrets' || command.resource === 'configmaps') && writes.has(command.verb)
  const json = mayHold ? jsonOf(written) : null
  if (json === null || !json.includes('"release"') || !masks.hasMarkedRelease(json, resource)) return written
  const stored = command.verb === 'update' && RELEASE_NAME.test(command.name) ? await live() : null
  const restored = stored === null ? null : masks.restoreRelease(json, stored, resource)
  if (restored !== null) return { body: restored, contentType: 'application/json' }
  // helm shows the message only, so it says what to do.
  throw new SallyportError(
    'MASK_UNPROVEN',
    'this release of helm was made of masked values, and would put the mask in their place: give them again (helm upgrade --reset-values -f FILE), or lift the mask of secrets:data for this group',
    {
      why: 'a rollback, and an upgrade that reuses values, write what was read through a mask',
      fix: 'in the policy: { name: helm, fields: ["secrets:data"], unless: [GROUP] }',
    },
  )
}

function jsonOf({ body, contentType }: WrittenBody): Buffer | null {
  if (body === null) return null
  try {
    const read = bodyJson(bodyForm(contentType, body), body)
    return read?.isWhole === true ? read.json : null
  } catch {
    return null
  }
}
