// Writes that would get around a mask, or destroy what is behind it, are refused before anybody judges them.
import type { KubernetesCommand } from '../../core/command.ts'
import { SallyportError } from '../../core/errors.ts'
import type { ObjectMask } from '../../core/masker.ts'
import { bodyForm, bodyProblem } from './body-text.ts'

/** @throws {SallyportError} MASK_UNPROVEN, PROTOCOL_VIOLATION. */
export function refuseHarmfulWrite(command: KubernetesCommand, body: Buffer | null, contentType: string, masks: ObjectMask): void {
  if (body === null) return
  const form = bodyForm(contentType, body)
  if (form === 'other') {
    throw new SallyportError('PROTOCOL_VIOLATION', `a body of type ${contentType.slice(0, 100)} cannot be read`, {
      fix: 'send JSON or YAML',
    })
  }
  const problem = bodyProblem(form, body)
  if (problem !== null) throw new SallyportError('PROTOCOL_VIOLATION', problem, { why: 'people would not see what the server takes' })
  if (masks.hasMarker(body)) {
    throw new SallyportError('MASK_UNPROVEN', 'the object holds masked values: writing it back would destroy the real ones', {
      why: 'it was read through a mask, and what stands in place of a value came back',
      fix: 'leave masked fields out of what you write (kubectl patch, or apply from your own file)',
    })
  }
  if (form === 'json-patch') refuseProbingPatch(resourceOf(command), body, masks)
}

/** `resource[.group]` without the subresource. */
export function resourceOf(command: KubernetesCommand): string {
  return command.resource.split('/')[0] ?? ''
}

/** They hold copies of the object. Where one does not fit (a label has 63 characters), the server's refusal quotes it. */
const ANNOTATIONS = ['metadata', 'annotations']
const LAST_APPLIED = [...ANNOTATIONS, 'kubectl.kubernetes.io/last-applied-configuration']

/** JSON Patch can copy a hidden value into a place that is shown, and can ask whether it equals something. */
function refuseProbingPatch(resource: string, body: Buffer, masks: ObjectMask): void {
  const paths = masks.paths(resource)
  if (paths.length === 0) return
  for (const operation of operationsOf(body)) {
    const { op, from, path } = operation
    const isProbe =
      (typeof from === 'string' && [...paths, ANNOTATIONS].some(hidden => overlaps(from, hidden))) ||
      (op === 'test' && (typeof path !== 'string' || [...paths, LAST_APPLIED].some(hidden => overlaps(path, hidden))))
    if (!isProbe) continue
    throw new SallyportError('MASK_UNPROVEN', `this patch reads a masked field of ${resource}`, {
      why: `the operation ${String(op)} would copy it, or tell what it holds`,
      fix: 'write the field without reading it',
    })
  }
}

function operationsOf(body: Buffer): readonly Record<string, unknown>[] {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    if (Array.isArray(parsed)) return parsed.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null)
  } catch {
    // Told below.
  }
  throw new SallyportError('PROTOCOL_VIOLATION', 'the body is no JSON Patch')
}

/** True when the JSON pointer leads to the hidden path, into it, or to something that holds it. */
export function overlaps(pointer: string, hidden: readonly string[]): boolean {
  const steps = pointer
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  let at = 0
  for (const key of hidden) {
    if (at >= steps.length) return true
    const step = steps[at] ?? ''
    // A list that the path passes over without naming an element.
    if (key !== '*' && key !== step && /^(?:\d+|-)$/.test(step)) at += 1
    if (key !== '*' && key !== steps[at] && at < steps.length) return false
    at += 1
  }
  return true
}
