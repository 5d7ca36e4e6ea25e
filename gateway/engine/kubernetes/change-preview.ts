// What a held write would change: the same request as a dry run, compared with the object as it is. And, once people have answered,
// whether the object is still the one that they saw.
import type { KubernetesReading } from '../../command/kubernetes/kubernetes-command.ts'
import { Refusal, SallyportError } from '../../core/errors.ts'
import type { Evidence, Session } from '../../core/session.ts'
import { diffLines } from './diff.ts'
import { bodyForm, bodyJson } from './body-text.ts'
import { withSizes } from './secret-sizes.ts'
import { sendRenewed } from './renewal.ts'
import type { KubernetesTarget, TargetRequest } from './target.ts'
import type { TargetAnswer } from './target-answer.ts'
import { resourceOf } from './write-check.ts'

type Wish = Extract<KubernetesReading, { kind: 'command' }>

const MAX_OBJECT_BYTES = 4 * 1_024 * 1_024
const writes = new Set(['create', 'update', 'patch', 'delete'])
/** Subresources whose answer is the object itself; the others have their own meaning, or no dry run. */
const objectSubresources = new Set(['', 'status', 'scale', 'ephemeralcontainers', 'resize', 'approval', 'finalize'])

/** Groups that every API server answers for itself. */
const ownGroups = new Set([
  '',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apps',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
  'events.k8s.io',
  'extensions',
  'networking.k8s.io',
  'node.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
])

interface Live {
  readonly uid: string
  readonly resourceVersion: string
  readonly body: Buffer
  readonly text: string
}

export class ChangePreview {
  readonly #target: KubernetesTarget
  readonly #session: Session
  readonly #wish: Wish
  readonly #forward: TargetRequest
  /** The object that the people were shown; undefined = nothing was shown. */
  #shown: Live | null | undefined = undefined

  constructor(target: KubernetesTarget, session: Session, wish: Wish, forward: TargetRequest) {
    this.#target = target
    this.#session = session
    this.#wish = wish
    this.#forward = forward
  }

  /** @throws {Refusal} when a body that nobody can read has no dry run either. */
  async take(signal: AbortSignal): Promise<Evidence> {
    const { command, info } = this.#wish
    if (info.kind !== 'resource' || !writes.has(command.verb) || !objectSubresources.has(info.subresource)) {
      return this.#unread('there is no dry run of such a request')
    }
    try {
      const live = info.name === '' ? null : await this.#live(signal)
      if (info.name !== '') this.#shown = live
      if (command.verb === 'delete') return deletion(live)
      const other = await this.#otherServer(signal)
      if (other !== null) return this.#unread(other)
      const after = await this.#dryRun(live, signal)
      if ('refused' in after) return this.#unread(`the server does not take a dry run of it: ${after.refused}`)
      const version = live === null ? '' : `, resourceVersion ${live.resourceVersion}: it is refused if the object has changed since`
      return {
        diff: diffLines(live?.text ?? '', after.text),
        notes: [live === null ? 'the dry run was accepted; the object does not exist yet' : `the dry run was accepted${version}`],
      }
    } catch (error) {
      if (error instanceof Refusal || signal.aborted) throw error
      return this.#unread(error instanceof SallyportError ? error.message : 'the answer could not be read')
    }
  }

  /** @throws {Refusal} when the object is not the one that was shown any more. */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#shown === undefined) return
    const now = await this.#live(signal)
    if (now?.uid === this.#shown?.uid && now?.resourceVersion === this.#shown?.resourceVersion) return
    throw new Refusal(
      'COMMAND_CANCELLED',
      null,
      `sallyport: cancelled: ${this.#wish.command.resources[0] ?? 'the object'} changed while the request was held`,
      {
        why: 'what was approved is the change of an object that is not there any more in that form',
        fix: 'run the command again: a new request shows what it would change now',
      },
    )
  }

  #unread(reason: string): Evidence {
    if (isShownWhole(this.#forward)) return { diff: null, notes: [`not shown what it would change: ${reason}`] }
    throw new Refusal('COMMAND_DENIED', null, 'sallyport: the request cannot be shown to an approver', {
      why: `its body is protobuf, and ${reason}`,
      fix: 'send it as JSON (kubectl apply -f does)',
    })
  }

  async #live(signal: AbortSignal): Promise<Live | null> {
    const path = this.#forward.target.split('?')[0] ?? ''
    const answer = await this.#ask({ method: 'GET', target: path, headers: { accept: 'application/json' }, body: null }, signal)
    if (answer.status === 404) return null
    if (answer.status !== 200) throw new SallyportError('TARGET_UNREACHABLE', `the object cannot be read (status ${answer.status})`)
    const { uid, resourceVersion } = identityOf(answer.body)
    return { uid, resourceVersion, body: answer.body, text: this.#readable(answer.body, null) }
  }

  /** Why a dry run might be no dry run, null when the API server itself answers: it knows them, another server behind it may not. */
  async #otherServer(signal: AbortSignal): Promise<string | null> {
    const { info } = this.#wish
    if (info.kind !== 'resource' || ownGroups.has(info.group)) return null
    const target = `/apis/apiregistration.k8s.io/v1/apiservices/${info.version}.${info.group}`
    const answer = await this.#ask({ method: 'GET', target, headers: { accept: 'application/json' }, body: null }, signal)
    if (answer.status === 404) return null
    if (answer.status !== 200) return `who answers for ${info.group} cannot be read (status ${answer.status} of ${target})`
    const service: unknown = JSON.parse(answer.body.toString('utf8'))
    return hasService(service) ? `another server answers for ${info.group}, which may not know dry runs` : null
  }

  async #dryRun(live: Live | null, signal: AbortSignal): Promise<{ readonly text: string } | { readonly refused: string }> {
    const { target, headers } = this.#forward
    const request = {
      ...this.#forward,
      target: `${target}${target.includes('?') ? '&' : '?'}dryRun=All`,
      headers: { ...headers, accept: 'application/json' },
    }
    const answer = await this.#ask(request, signal)
    return answer.status < 300 ? { text: this.#readable(answer.body, live) } : { refused: `status ${answer.status}` }
  }

  async #ask(request: TargetRequest, signal: AbortSignal): Promise<{ readonly status: number; readonly body: Buffer }> {
    const answer = await sendRenewed(this.#session, signal, true, lease => this.#target.ask(lease, request, signal))
    return { status: answer.statusCode ?? 0, body: await wholeBody(answer) }
  }

  /** The masked object without what the server keeps for itself. @param before the object that it replaces. */
  #readable(body: Buffer, before: Live | null): string {
    const masks = this.#session.masker.objects
    if (masks === undefined) throw new SallyportError('INTERNAL', 'this session has no masks for objects')
    const masked: unknown = JSON.parse(masks.apply(body, resourceOf(this.#wish.command)).json.toString('utf8'))
    const plain: unknown = JSON.parse(body.toString('utf8'))
    const old: unknown = before === null ? null : JSON.parse(before.body.toString('utf8'))
    return JSON.stringify(withoutBookkeeping(withSizes(masked, plain, old)), null, 2)
  }
}

/** True when people see all of the body beside the request. */
function isShownWhole({ headers, body }: TargetRequest): boolean {
  const form = bodyForm(String(headers['content-type'] ?? ''), body)
  if (form !== 'protobuf' || body === null) return true
  try {
    return bodyJson(form, body)?.isWhole ?? false
  } catch {
    return false
  }
}

function hasService(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('spec' in value)) return true
  const { spec } = value
  return typeof spec !== 'object' || spec === null || ('service' in spec && spec.service !== null)
}

function deletion(live: Live | null): Evidence {
  if (live === null) return { diff: null, notes: ['the object does not exist'] }
  return {
    diff: diffLines(live.text, ''),
    notes: [`resourceVersion ${live.resourceVersion}: it is refused if the object has changed since`],
  }
}

function identityOf(body: Buffer): { readonly uid: string; readonly resourceVersion: string } {
  const parsed: unknown = JSON.parse(body.toString('utf8'))
  const metadata: unknown = typeof parsed === 'object' && parsed !== null && 'metadata' in parsed ? parsed.metadata : null
  if (typeof metadata !== 'object' || metadata === null) throw new SallyportError('TARGET_UNREACHABLE', 'the object has no metadata')
  const text = (name: string): string => {
    const value: unknown = Object.getOwnPropertyDescriptor(metadata, name)?.value
    return typeof value === 'string' ? value : ''
  }
  return { uid: text('uid'), resourceVersion: text('resourceVersion') }
}

function withoutBookkeeping(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return value
  const { metadata } = value
  if (typeof metadata !== 'object' || metadata === null) return value
  const kept = Object.entries(metadata).filter(
    ([name]) => !['managedFields', 'resourceVersion', 'generation', 'uid', 'creationTimestamp', 'selfLink'].includes(name),
  )
  return { ...value, metadata: Object.fromEntries(kept) }
}

/** @throws {SallyportError} TARGET_UNREACHABLE when it is larger than an object is, or ends early. */
export function wholeBody(answer: TargetAnswer): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    answer.take({
      data(part) {
        length += part.length
        if (length <= MAX_OBJECT_BYTES) parts.push(part)
        else {
          reject(new SallyportError('TARGET_UNREACHABLE', 'the object is too large to be shown'))
          answer.destroy()
        }
        return true
      },
      end: () => resolve(Buffer.concat(parts)),
      fail: cause => reject(new SallyportError('TARGET_UNREACHABLE', 'the API server ended its answer early', { cause })),
    })
  })
}
