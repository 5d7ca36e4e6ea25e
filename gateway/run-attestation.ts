// `attest: true`: the digest of the sealed statement is attested by GitHub. Part of the composition root.
import { attestSubject } from './adapter/attestation/attestation.ts'
import type { LaunchRequest } from './control/protocol.ts'
import { SallyportError } from './core/errors.ts'
import type { Identity, Run } from './core/identity.ts'
import { Secret } from './core/secret.ts'
import { STATEMENT_FILE } from './record/layout.ts'
import type { Sealed } from './record/run-log.ts'
import { PREDICATE_TYPE } from './record/statement.ts'

/** A cancelled job has ten seconds; anybody else can wait a little. */
const ATTEST_MS = 30_000

/** What came of it: a page, or why there is none; both null where nothing was to be attested. */
export interface Attested {
  readonly url: string | null
  readonly warning: string | null
}

export const notAttested: Attested = { url: null, warning: null }

export type Attest = (sealed: Sealed) => Promise<Attested>

/**
 * What attests the recording at the end; made at the start, where somebody can still do something about what is missing.
 * @throws {SallyportError} ATTESTATION_FAILED when the job lacks what it takes: it must not run for an hour first.
 */
export function openAttestation(
  launch: LaunchRequest,
  identity: Identity,
  run: Run,
  idToken: (audience: string, signal: AbortSignal) => Promise<Secret>,
): Attest {
  if (!launch.attest) return () => Promise.resolve(notAttested)
  const { environment, githubToken } = launch
  const { repository } = run
  if (repository === null || githubToken === '' || (environment['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? '') === '')
    throw new SallyportError('ATTESTATION_FAILED', 'attest: true needs the tokens of a workflow run', {
      why: 'an attestation says which workflow made the recording, and is kept by its repository',
      fix: 'add to the job: `permissions: { attestations: write, id-token: write }`, or leave attest out',
    })
  const options = {
    githubToken: new Secret(githubToken),
    idToken,
    environment,
    repository,
    apiUrl: environment['GITHUB_API_URL'] ?? 'https://api.github.com',
    serverUrl: environment['GITHUB_SERVER_URL'] ?? 'https://github.com',
    // What is not known to be public is not published.
    instance: identity.claims['repository_visibility'] === 'public' ? ('public-good' as const) : ('github' as const),
    predicateType: PREDICATE_TYPE,
  }
  return async ({ files, key, lines, root }) => {
    const sha256 = files.find(({ name }) => name === STATEMENT_FILE)?.sha256 ?? ''
    const subject = { name: STATEMENT_FILE, sha256, predicate: { run: run.id, key, lines, root } }
    try {
      return { url: await attestSubject(options, subject, AbortSignal.timeout(ATTEST_MS)), warning: null }
    } catch (error) {
      const known = error instanceof SallyportError ? error : null
      const words = known === null ? 'no reason given' : `${known.message}${known.why === null ? '' : `: ${known.why}`}; ${known.fix ?? ''}`
      return { url: null, warning: `SALLYPORT-${known?.id ?? 'E34'} attest: true, but ${words}` }
    }
  }
}
