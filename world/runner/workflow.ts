// A workflow of one job, as its YAML says it. Knows what the world's runner can do and refuses the rest by name.
import { parse } from 'yaml'

export interface Step {
  readonly id?: string
  readonly name?: string
  readonly if?: string
  /** Any value means the action under test; the runner has no other. */
  readonly uses?: string
  readonly with?: Readonly<Record<string, string | number | boolean>>
  readonly run?: string
  readonly shell?: string
  readonly env?: Readonly<Record<string, string | number | boolean>>
  readonly 'continue-on-error'?: boolean
  readonly 'working-directory'?: string
}

export interface Job {
  readonly name: string
  readonly env: Readonly<Record<string, string | number | boolean>>
  readonly steps: readonly Step[]
}

export interface ActionInput {
  readonly default?: string | number | boolean
}

/** The parts of action.yml that a runner acts on. */
export interface ActionFile {
  readonly inputs: Readonly<Record<string, ActionInput>>
  readonly main: string
  readonly post: string | null
  readonly postIf: string
}

const stepKeys = new Set(['id', 'name', 'if', 'uses', 'with', 'run', 'shell', 'env', 'continue-on-error', 'working-directory'])

/** The only job of a workflow, or the list of steps when that is all there is. */
export function readWorkflow(text: string): Job {
  const found = parse(text) as { env?: Job['env']; jobs?: Record<string, { env?: Job['env']; steps: Step[] }> } | Step[]
  if (Array.isArray(found)) return { name: 'job', env: {}, steps: found.map(step => checked(step)) }
  const [entry, ...others] = Object.entries(found.jobs ?? {})
  if (entry === undefined || others.length > 0) throw new Error('the world has one runner: a workflow must have exactly one job')
  const [name, job] = entry
  return { name, env: { ...found.env, ...job.env }, steps: job.steps.map(step => checked(step)) }
}

/** action.yml, for a Node action with main and post. */
export function readAction(text: string): ActionFile {
  const { inputs, runs } = parse(text) as {
    inputs?: Record<string, ActionInput>
    runs: { using: string; main: string; pre?: string; post?: string; 'post-if'?: string }
  }
  if (!/^node\d+$/.test(runs.using)) throw new Error(`the world's runner runs Node actions, not ${runs.using}`)
  if (runs.pre !== undefined) throw new Error('the world has no pre steps')
  return { inputs: inputs ?? {}, main: runs.main, post: runs.post ?? null, postIf: runs['post-if'] ?? 'always()' }
}

function checked(step: Step): Step {
  for (const key of Object.keys(step)) if (!stepKeys.has(key)) throw new Error(`the world's runner does not know the step key ${key}`)
  if ((step.uses === undefined) === (step.run === undefined)) throw new Error('a step has either `uses` or `run`')
  return step
}
