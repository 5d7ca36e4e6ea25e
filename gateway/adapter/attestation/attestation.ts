// Has GitHub attest a digest: a certificate of this workflow signs it, and the repository keeps the attestation. Sends the digest, never the recording.
import { fork } from 'node:child_process'
import path from 'node:path'
import { SallyportError } from '../../core/errors.ts'
import type { Secret } from '../../core/secret.ts'
import type { AttestationAnswer, AttestationRequest } from './attestation-messages.ts'

export interface AttestationOptions extends Pick<AttestationRequest, 'instance' | 'predicateType'> {
  /** `owner/repo`. */
  readonly repository: string
  readonly apiUrl: string
  readonly serverUrl: string
  readonly githubToken: Secret
  readonly idToken: (audience: string, signal: AbortSignal) => Promise<Secret>
  /** Proxy variables and certificate files: what the library may read; nothing secret. */
  readonly environment: Readonly<Record<string, string>>
}

export interface AttestedSubject {
  readonly name: string
  /** Hex. */
  readonly sha256: string
  readonly predicate: Readonly<Record<string, unknown>>
}

const passedOn = /^(?:https?_proxy|no_proxy|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS)$/i

/** @returns the page of the attestation. @throws {SallyportError} ATTESTATION_FAILED; the signal's reason when aborted. */
export async function attestSubject(options: AttestationOptions, subject: AttestedSubject, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const { githubToken, repository, serverUrl, instance, predicateType } = options
  const idToken = await options.idToken('sigstore', signal)
  const { name, sha256, predicate } = subject
  const answer = await run(
    {
      token: githubToken.reveal().toString('utf8'),
      idToken: idToken.reveal().toString('utf8'),
      instance,
      subject: { name, sha256 },
      predicateType,
      predicate,
    },
    environmentOf(options),
    signal,
  )
  if (answer.outcome === 'failed') throw failed(answer.why)
  return `${serverUrl}/${repository}/attestations/${answer.id}`
}

/** In a process that has nothing of ours in its environment; an attestation that is not waited for any more is a killed process. */
function run(request: AttestationRequest, environment: Readonly<Record<string, string>>, signal: AbortSignal): Promise<AttestationAnswer> {
  const client = fork(clientFile(), [], {
    env: { ...environment },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  return new Promise<AttestationAnswer>((resolve, reject) => {
    const stop = (): void => {
      client.kill('SIGKILL')
      reject(failed('it took too long'))
    }
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    client.once('message', (answer: AttestationAnswer) => resolve(answer))
    client.once('error', cause => reject(failed('its process could not be started', cause)))
    client.once('exit', () => {
      signal.removeEventListener('abort', stop)
      reject(failed('its process ended without an answer'))
    })
    client.send(request)
  })
}

/** The library reads where GitHub is as it is loaded. */
function environmentOf({ environment, repository, apiUrl, serverUrl }: AttestationOptions): Readonly<Record<string, string>> {
  const variables = Object.entries(environment).filter(([name]) => passedOn.test(name))
  return {
    ...Object.fromEntries(variables),
    GITHUB_REPOSITORY: repository,
    GITHUB_API_URL: apiUrl,
    GITHUB_SERVER_URL: serverUrl,
  }
}

/** Beside the bundle it is a bundle; in the sources it is a source. */
function clientFile(): string {
  return path.join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? 'attestation-client.ts' : 'attestation.mjs')
}

function failed(why: string, cause?: unknown): SallyportError {
  return new SallyportError('ATTESTATION_FAILED', 'the recording could not be attested', {
    why,
    fix: 'the job needs `permissions: { attestations: write, id-token: write }`; the recording itself is whole without it',
    ...(cause === undefined ? {} : { cause }),
  })
}
