// Ships a recording as artifacts of the workflow run: the folder as a zip, and the replay page as a page of its own.
import { fork } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { SallyportError } from '../../core/errors.ts'
import type { Secret } from '../../core/secret.ts'
import type { Shipped, Sink } from '../../core/sink.ts'
import type { Upload, UploadAnswer, UploadRequest } from './artifact-messages.ts'

const PAGE = 'replay.html'

export interface ArtifactSinkOptions {
  readonly name: string
  /** null = the repository's own setting. */
  readonly retentionDays: number | null
  /** ACTIONS_RUNTIME_TOKEN. */
  readonly runtimeToken: Secret
  /** ACTIONS_RESULTS_URL. */
  readonly resultsUrl: string
  /** `https://github.com`. */
  readonly serverUrl: string
  /** `owner/repo`. */
  readonly repository: string
  readonly workflowRunId: string
  /** Proxy variables, GITHUB_RETENTION_DAYS: what the client may read; nothing secret. */
  readonly environment: Readonly<Record<string, string>>
}

const passedOn = /^(?:https?_proxy|no_proxy|GITHUB_RETENTION_DAYS|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS)$/i

export function openArtifactSink(options: ArtifactSinkOptions): Sink {
  return { name: 'artifact', ship: (dir, files, signal) => ship(options, dir, files, signal) }
}

async function ship(options: ArtifactSinkOptions, dir: string, files: readonly string[], signal: AbortSignal): Promise<Shipped> {
  signal.throwIfAborted()
  const { name, retentionDays } = options
  const uploads: Upload[] = [{ name, root: dir, files: files.map(file => path.join(dir, file)), retentionDays, isPage: false }]
  const desk = await mkdtemp(path.join(os.tmpdir(), 'sallyport-page-'))
  try {
    if (files.includes(PAGE)) {
      // Such an artifact is named after its file, and that name must be the run's only one.
      const page = path.join(desk, `${name}.html`)
      await copyFile(path.join(dir, PAGE), page)
      uploads.push({ name: `${name}.html`, root: desk, files: [page], retentionDays, isPage: true })
    }
    const answer = await upload(options, uploads, signal)
    if (answer.outcome === 'failed') throw failed(name, answer.why)
    const [archive, page] = answer.ids.map(
      id => `${options.serverUrl}/${options.repository}/actions/runs/${options.workflowRunId}/artifacts/${id}`,
    )
    return { url: archive ?? null, pageUrl: page ?? null }
  } finally {
    await rm(desk, { recursive: true, force: true })
  }
}

/** Runs the client in a process that has nothing of ours in its environment; an aborted upload is a killed process. */
function upload(options: ArtifactSinkOptions, uploads: readonly Upload[], signal: AbortSignal): Promise<UploadAnswer> {
  const variables = Object.entries(options.environment).filter(([name]) => passedOn.test(name))
  const client = fork(clientFile(), [], {
    env: { ...Object.fromEntries(variables), GITHUB_SERVER_URL: options.serverUrl },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  return new Promise<UploadAnswer>((resolve, reject) => {
    const stop = (): void => {
      client.kill('SIGKILL')
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    signal.addEventListener('abort', stop, { once: true })
    client.once('message', (answer: UploadAnswer) => resolve(answer))
    client.once('error', cause => reject(failed(options.name, 'the upload could not be started', cause)))
    client.once('exit', () => {
      signal.removeEventListener('abort', stop)
      reject(failed(options.name, 'the upload ended without an answer'))
    })
    const { runtimeToken, resultsUrl } = options
    const request: UploadRequest = { token: runtimeToken.reveal().toString('utf8'), resultsUrl, uploads }
    client.send(request)
  })
}

/** Beside the bundle it is a bundle; in the sources it is a source. */
function clientFile(): string {
  return path.join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? 'artifact-client.ts' : 'artifact.mjs')
}

function failed(name: string, why: string, cause?: unknown): SallyportError {
  return new SallyportError('RECORDING_FAILED', `cannot upload the artifact ${name}`, {
    why,
    fix: 'an artifact name can be used once in a run; on a server of your own, use another sink',
    ...(cause === undefined ? {} : { cause }),
  })
}
