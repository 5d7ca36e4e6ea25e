// Runs one job as GitHub's runner does: action.yml's main and post with the bundles as they are, `run:` steps between, environment files,
// state, masks, step summaries, cancellation, post steps in reverse order, and the sweep of what is left running.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expand, holds, type Contexts, type JobStatus } from './expression.ts'
import { makeCommandFiles, type Written } from './file-commands.ts'
import { accessOf, factsOfTheWorld, jobEnvironment, type Folders, type JobFacts, type Services } from './job-environment.ts'
import { makeJobLog, type Annotation } from './job-log.ts'
import { sweepOrphans } from './orphans.ts'
import { shellCommand } from './shell.ts'
import { runStepProcess } from './step-process.ts'
import { readAction, readWorkflow, type ActionFile, type Step } from './workflow.ts'

export interface RunOptions {
  /** YAML: a workflow with one job, or only a list of steps. */
  readonly workflow: string
  /** Folder with action.yml and dist/. */
  readonly action: string
  readonly services: Services
  readonly facts?: Partial<JobFacts>
  /** Payload of the event, for GITHUB_EVENT_PATH. */
  readonly event?: unknown
  readonly secrets?: Readonly<Record<string, string>>
  /** User that the job runs as; null = this process's own. Needs root. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly name: string; readonly home: string } | null
  /** Node that runs the action; the one of this process when left out. */
  readonly node?: string
  /** Added to what every step sees, like variables of the machine. */
  readonly machine?: Readonly<Record<string, string>>
  readonly cancel?: AbortSignal
  /** Of the waits between the signals of a cancellation; 1 = GitHub's. */
  readonly timeScale?: number
  /** Gets each line of the log as people see it, while the job runs. */
  readonly onLine?: (line: string) => void
}

export interface StepRun {
  readonly name: string
  readonly outcome: 'success' | 'failure' | 'skipped'
  readonly status: number | null
  readonly annotations: readonly Annotation[]
  readonly outputs: Readonly<Record<string, string>>
  readonly summary: string
  readonly log: readonly string[]
}

export interface JobRun {
  readonly conclusion: JobStatus
  readonly steps: readonly StepRun[]
  /** As people see it. */
  readonly log: string
  /** As the steps printed it. */
  readonly rawLog: string
  readonly masks: ReadonlySet<string>
  /** What later steps would see by GITHUB_ENV and GITHUB_PATH. */
  readonly environment: Readonly<Record<string, string>>
  readonly path: readonly string[]
  /** STATE_* of each `uses:` step, in order. */
  readonly states: readonly Readonly<Record<string, string>>[]
  /** Commands that outlived the job and were ended. */
  readonly orphans: readonly string[]
  /** The workspace and RUNNER_TEMP, still there; `remove` removes them. */
  readonly folders: Folders
  remove(): void
}

/** Runs the job to its end, post steps and sweep included. Never rejects for what a step did. */
export async function runWorkflow(options: RunOptions): Promise<JobRun> {
  const runner = new Runner(options)
  for (const step of runner.steps) await runner.runMain(step)
  await runner.runPosts()
  return runner.finish()
}

interface PostStep {
  readonly name: string
  readonly step: Step
  readonly state: ReadonlyMap<string, string>
}

class Runner {
  readonly steps: readonly Step[]
  readonly #options: RunOptions
  readonly #owner: { uid: number; gid: number } | null
  readonly #root: string
  readonly #folders: Folders
  readonly #action: ActionFile
  readonly #log
  readonly #base: Record<string, string>
  readonly #environment = new Map<string, string>()
  #path: readonly string[] = []
  readonly #runs: StepRun[] = []
  readonly #posts: PostStep[] = []
  readonly #contexts: Record<string, unknown>
  readonly #outputs: Record<string, { outputs: Record<string, string>; outcome: string }> = {}
  #status: JobStatus = 'success'

  constructor(options: RunOptions) {
    this.#options = options
    this.#owner = options.user === undefined || options.user === null ? null : { uid: options.user.uid, gid: options.user.gid }
    this.#root = mkdtempSync(path.join(tmpdir(), 'world-runner-'))
    this.#folders = this.#makeFolders()
    this.#action = readAction(readFileSync(path.join(options.action, 'action.yml'), 'utf8'))
    this.#log = makeJobLog(options.onLine ?? (() => undefined))
    const job = readWorkflow(options.workflow)
    this.steps = job.steps
    const facts = { ...factsOfTheWorld, ...options.facts }
    const machine = { PATH: process.env['PATH'] ?? '', HOME: options.user?.home ?? this.#root, LANG: 'C.UTF-8', ...options.machine }
    this.#base = { ...machine, ...jobEnvironment(job.name, facts, options.services, this.#folders) }
    this.#contexts = {
      github: {
        token: options.services.token,
        repository: facts.repository,
        sha: facts.sha,
        event_name: facts.eventName,
        actor: facts.actor,
        job: job.name,
      },
      secrets: { GITHUB_TOKEN: options.services.token, ...options.secrets },
      runner: { temp: this.#folders.temp, os: 'Linux' },
      steps: this.#outputs,
    }
    for (const secret of [options.services.token, options.services.runtimeToken, ...Object.values(options.secrets ?? {})])
      this.#log.mask(secret)
    for (const [name, value] of Object.entries(job.env)) this.#environment.set(name, expand(String(value), this.#seen()))
  }

  /** One step of the workflow; a `uses:` step's post is owed from now on, also when its main fails. */
  async runMain(step: Step): Promise<void> {
    const name = step.name ?? step.id ?? step.run?.split('\n')[0] ?? step.uses ?? 'step'
    if (!holds(step.if, this.#status)) {
      this.#runs.push({ name, outcome: 'skipped', status: null, annotations: [], outputs: {}, summary: '', log: [] })
      return
    }
    if (step.run !== undefined) {
      await this.#runScript(name, step, step.run)
      return
    }
    const state = new Map<string, string>()
    if (this.#action.post !== null) this.#posts.unshift({ name: `Post ${name}`, step, state })
    const { written } = await this.#runNode(name, step, this.#action.main, state)
    for (const [key, value] of written.state) state.set(key, value)
  }

  async runPosts(): Promise<void> {
    for (const { name, step, state } of this.#posts) {
      if (holds(this.#action.postIf, this.#status)) await this.#runNode(name, step, this.#action.post ?? '', state)
    }
  }

  finish(): JobRun {
    const orphans = sweepOrphans(this.#base['RUNNER_TRACKING_ID'] ?? '')
    return {
      conclusion: this.#status,
      steps: this.#runs,
      log: this.#log.lines.join('\n'),
      rawLog: this.#log.raw.join('\n'),
      masks: this.#log.masks,
      environment: Object.fromEntries(this.#environment),
      path: this.#path,
      states: this.#posts.map(({ state }) => Object.fromEntries(state)),
      orphans,
      folders: this.#folders,
      remove: () => rmSync(this.#root, { recursive: true, force: true }),
    }
  }

  async #runScript(name: string, step: Step, script: string): Promise<void> {
    const { file, args, remove } = shellCommand(step.shell, expand(script, this.#seen()), this.#folders.temp, this.#owner)
    try {
      await this.#runProcess(name, step, file, args, accessOf('run', this.#options.services))
    } finally {
      remove()
    }
  }

  #runNode(name: string, step: Step, script: string, state: ReadonlyMap<string, string>): Promise<{ written: Written }> {
    const inputs: Record<string, string> = {}
    for (const [key, { default: byDefault }] of Object.entries(this.#action.inputs)) {
      inputs[`INPUT_${key.replaceAll(' ', '_').toUpperCase()}`] = expand(String(step.with?.[key] ?? byDefault ?? ''), this.#seen())
    }
    const states = Object.fromEntries([...state].map(([key, value]) => [`STATE_${key}`, value]))
    const access = { ...accessOf('uses', this.#options.services), ...inputs, ...states, GITHUB_ACTION_PATH: this.#options.action }
    return this.#runProcess(name, step, this.#options.node ?? process.execPath, [path.join(this.#options.action, script)], access)
  }

  async #runProcess(
    name: string,
    step: Step,
    file: string,
    args: readonly string[],
    access: Record<string, string>,
  ): Promise<{ written: Written }> {
    const files = makeCommandFiles(this.#folders.temp, this.#owner)
    const annotations: Annotation[] = []
    const environment = this.#stepEnvironment(step, { ...access, ...files.variables })
    const from = this.#log.lines.length
    const isOver = this.#status === 'cancelled'
    const status = await runStepProcess({
      file,
      args,
      cwd: path.resolve(this.#folders.workspace, step['working-directory'] ?? '.'),
      environment,
      owner: this.#owner,
      onLine: line => this.#log.take(line, annotations),
      // Steps that run although the job was cancelled are not cancelled again.
      signal: isOver ? new AbortController().signal : (this.#options.cancel ?? new AbortController().signal),
      timeScale: this.#options.timeScale ?? 1,
    })
    const written = files.readBack()
    for (const message of written.errors) annotations.push({ level: 'error', title: '', message })
    for (const [key, value] of written.env) this.#environment.set(key, value)
    this.#path = [...written.path.toReversed(), ...this.#path]
    const failed = status !== 0 || written.errors.length > 0
    const outputs = Object.fromEntries(written.output)
    if (step.id !== undefined && !name.startsWith('Post ')) this.#outputs[step.id] = { outputs, outcome: failed ? 'failure' : 'success' }
    const log = this.#log.lines.slice(from)
    this.#runs.push({ name, outcome: failed ? 'failure' : 'success', status, annotations, outputs, summary: written.summary, log })
    if (this.#options.cancel?.aborted === true) this.#status = 'cancelled'
    else if (failed && step['continue-on-error'] !== true && this.#status === 'success') this.#status = 'failure'
    return { written }
  }

  /** A step's own `env:` wins over what earlier steps set, what the runner says wins over both. */
  #stepEnvironment(step: Step, own: Record<string, string>): Record<string, string> {
    const given = Object.fromEntries(Object.entries(step.env ?? {}).map(([key, value]) => [key, expand(String(value), this.#seen())]))
    const merged = { ...this.#base, ...Object.fromEntries(this.#environment), ...given, ...own }
    return { ...merged, PATH: [...this.#path, merged['PATH'] ?? ''].join(':') }
  }

  #seen(): Contexts {
    return { ...this.#contexts, env: Object.fromEntries(this.#environment) }
  }

  #makeFolders(): Folders {
    const folder = (name: string): string => {
      const made = path.join(this.#root, name)
      mkdirSync(made, { recursive: true })
      if (this.#owner !== null) chownSync(made, this.#owner.uid, this.#owner.gid)
      return made
    }
    if (this.#owner !== null) chownSync(this.#root, this.#owner.uid, this.#owner.gid)
    // Other users pass through to the workspace, as on GitHub's machines.
    chmodSync(this.#root, 0o755)
    const event = path.join(folder('work/_temp/_github_workflow'), 'event.json')
    writeFileSync(event, JSON.stringify(this.#options.event ?? {}))
    return { workspace: folder('work/shop/shop'), temp: folder('work/_temp'), tools: folder('tools'), event, action: this.#options.action }
  }
}
