// One run of an embedded gateway, from a launch request to its sealed recording. Part of the composition root.
import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { hiddenVariables } from './adapter/env/env-source.ts'
import { createHttp } from './adapter/https/https-client.ts'
import { openRunApprovals } from './run-approvals.ts'
import { openSources } from './credential-sources.ts'
import { clientEnvironment } from './control/client-environment.ts'
import type { Finished, LaunchRequest, Ready } from './control/protocol.ts'
import type { Clock } from './core/clock.ts'
import type { Connection } from './core/connection.ts'
import type { CredentialContext } from './core/credential.ts'
import { SallyportError } from './core/errors.ts'
import { failpoint } from './core/failpoint.ts'
import type { Identity, Run } from './core/identity.ts'
import { Doors } from './doors.ts'
import { engineFor } from './engines.ts'
import { createSshRunKeys, type SshRunKeys } from './engine/ssh/run-keys.ts'
import { maskerFor } from './mask/masker-for.ts'
import { credentialsOf } from './policy/policy-file.ts'
import { readRecipient } from './record/age/age-keys.ts'
import { openRunLog } from './record/run-log.ts'
import { readSigner, type NoteSigner } from './record/signed-note.ts'
import { openAttestation } from './run-attestation.ts'
import { readEvent } from './run-event.ts'
import { finishRun } from './run-end.ts'
import { describeRun, identify, idTokens } from './run-identity.ts'
import { readRunPolicy, type RunPolicy } from './run-policy.ts'
import { openSinks, shipFirstLines, sinkVariables } from './run-sinks.ts'
import { openFrontDesk, type FrontDeskParts } from './session/front-desk.ts'
import type { Engine } from './core/session.ts'
import { openLeaseDesk } from './session/lease-desk.ts'
import { newTicket } from './session/ticket.ts'
import { version } from './core/version.ts'
import { makeRunCertificate } from './wire/kubernetes/run-certificate.ts'
import type { RunCertificate } from './wire/kubernetes/run-certificate.ts'

/** What is told once everything listens; the control listener adds itself. */
export type RunReady = Omit<Ready, 'kind' | 'control' | 'pid' | 'warnings'> & { readonly warnings: readonly string[] }

export interface OpenRun {
  readonly ready: RunReady
  /** Numbers for `status`. */
  readonly status: () => Readonly<Record<string, unknown>>
  /** Ends sessions, gives credentials back, seals and ships. Always the same promise. */
  readonly finish: (reason: string) => Promise<Finished>
}

/** @throws {SallyportError} whatever stands in the way of the start; nothing is left open then. */
export async function openRun(launch: LaunchRequest, clock: Clock, signal: AbortSignal): Promise<OpenRun> {
  const http = createHttp(launch.environment, clock)
  const runPolicy = await readRunPolicy(launch, signal)
  const event = readEvent(launch.event)
  const identity = await identify({ file: runPolicy.file, launch, event, http, clock }, signal)
  const names = namesToOpen(runPolicy, identity, launch)
  const approvals = await openRunApprovals({ launch, identity, event, clock }, signal)
  const run = describeRun(launch, identity, approvals.pullRequest)
  const idToken = idTokens(launch, http)
  const sinks = openSinks(runPolicy, launch, run, { idToken, http, clock })
  const attest = openAttestation(launch, identity, run, idToken)
  const encryptTo = runPolicy.file.recording.encryptTo.map(readRecipient)
  const dir = launch.out ?? mkdtempSync(path.join(os.tmpdir(), 'sallyport-recording-'))
  const log = openRunLog({ dir, origin: originOf(run), clock, encryptTo, sinks, ...signerOf(launch) })
  const desk = approvals.open(run, log.key)
  const sources = openSources(runPolicy, launch, http, clock)
  const doors = new Doors()
  const weak: string[] = []
  const unknown: string[] = []
  const end = (reason: string, isStillborn = false): Promise<Finished> =>
    finishRun({ reason, launch, run, log, doors, approvals: desk, sources, sinks, attest, isStillborn, weak })
  try {
    failpoint('run.before-open')
    log.commit(null, [openingOf(run, identity, runPolicy, names, launch, log.key)], 'synced')
    failpoint('run.opened')
    await shipFirstLines(log, sinks, signal)
    failpoint('run.first-lines-arrived')
    const connections = names.map(name => connectionOf(runPolicy, name))
    const certificate = makeRunCertificate(clock.now())
    const sshKeys = new Map(connections.filter(({ protocol }) => protocol === 'ssh').map(({ name }) => [name, createSshRunKeys()]))
    const context = (connection: Connection): CredentialContext => ({
      idToken,
      publicKey: sshKeys.get(connection.name)?.loginPublic ?? null,
      login: connection.user,
    })
    const leases = openLeaseDesk({ sourceFor: sources.find, context, clock })
    // Now, not at the first query: a missing secret is a failed step, not a puzzling error of a client an hour later.
    await Promise.all(connections.map(connection => leases.borrow(connection, signal)))
    const masker = maskerFor(runPolicy.file.masks, randomBytes(32))
    const keptRows = runPolicy.file.recording.rows
    const open = await Promise.all(
      connections.map(async connection => {
        const ticket = newTicket()
        const parts = {
          connection,
          ticket,
          identity,
          run,
          policy: runPolicy.policy,
          recorder: log,
          approvals: desk,
          leases,
          clock,
          keptRows,
        }
        const engine = await engineFor(connection, runPolicy, sshKeys.get(connection.name) ?? null, certificate)
        const held = { ...parts, masker: masker(identity, connection) }
        weak.push(...(await weaknessesOf(engine, held, unknown, signal)))
        return doors.open(openFrontDesk(held), ticket, engine)
      }),
    )
    const clients = clientEnvironment(
      open.map(({ desk: { connection }, ticket, port }) =>
        doorOf(connection, ticket, port, sshKeys.get(connection.name) ?? null, certificate),
      ),
      launch.clientDir,
    )
    let finished: Promise<Finished> | null = null
    return {
      ready: {
        run: run.id,
        key: log.key,
        ...clients,
        remove: [...hiddenVariables(credentialsOf(runPolicy.file)), ...sinkVariables(runPolicy)],
        words: wordsOf(identity, runPolicy, connections),
        warnings: [...approvals.warnings, ...runPolicy.file.warnings, ...weak, ...unknown],
      },
      status: () => ({ run: run.id, clients: doors.count, lines: log.lines }),
      finish: reason => (finished ??= end(reason)),
    }
  } catch (error) {
    await end('it did not start', true).catch(() => undefined)
    throw error
  }
}

/** What the target itself would let the login do, past the masks. One that cannot be asked now is told of, and tells it with the first session. */
async function weaknessesOf(
  engine: Engine,
  { connection, masker, leases }: Pick<FrontDeskParts, 'connection' | 'masker' | 'leases'>,
  unknown: string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (engine.inspect === undefined || masker.columns.length === 0) return []
  try {
    return await engine.inspect({ connection, lease: await leases.borrow(connection, signal), masker }, signal)
  } catch (error) {
    const why = error instanceof SallyportError ? error.message : 'it did not answer'
    unknown.push(`${connection.name}: what its role sees past the masks is not known yet (${why}); the first session looks again`)
    return []
  }
}

function namesToOpen({ policy }: RunPolicy, identity: Identity, launch: LaunchRequest): readonly string[] {
  const mayOpen = policy.opens(identity)
  const wanted = launch.connections.length === 0 ? mayOpen : launch.connections
  const groups = [...identity.groups].join(', ')
  for (const name of wanted) {
    if (mayOpen.includes(name)) continue
    const isKnown = policy.connections.has(name)
    throw new SallyportError('NOT_AUTHORISED', `this identity may not open ${name}`, {
      why: isKnown
        ? `it is in ${groups}; ${name} is open to ${policy.connections.get(name)?.groups.join(', ') ?? 'nobody'}`
        : `the policy has no connection ${name}`,
      fix: mayOpen.length === 0 ? 'change groups: of a connection in the policy' : `it may open ${mayOpen.join(', ')}`,
    })
  }
  if (wanted.length > 0) return wanted
  throw new SallyportError('NOT_AUTHORISED', 'this identity may open no connection', {
    why: `it is in ${groups}, which no connection lists`,
    fix: 'change groups: of a connection in the policy',
  })
}

function connectionOf({ policy }: RunPolicy, name: string): Connection {
  const connection = policy.connections.get(name)
  if (connection === undefined) throw new SallyportError('INTERNAL', `connection ${name} is gone`)
  return connection
}

function doorOf(
  connection: Connection,
  ticket: string,
  port: number,
  keys: SshRunKeys | null,
  certificate: RunCertificate,
): Parameters<typeof clientEnvironment>[0][number] {
  const user = connection.user ?? 'sallyport'
  if (keys !== null) {
    const { clientKey, hostPublic } = keys
    return { protocol: 'ssh', name: connection.name, port, ticket, user, address: connection.host, clientKey, hostKey: hostPublic }
  }
  if (connection.protocol === 'kubernetes') {
    return { protocol: 'kubernetes', name: connection.name, port, ticket, authority: certificate.authority }
  }
  return { protocol: 'postgres', name: connection.name, port, ticket, user, database: connection.database ?? user }
}

/** The key that the launcher brought; none: the log makes one. */
function signerOf({ signingKey }: LaunchRequest): { readonly signer?: NoteSigner } {
  if (signingKey === undefined) return {}
  const signer = readSigner(signingKey)
  if (signer !== null) return { signer }
  throw new SallyportError('USAGE', 'the signing key is not an Ed25519 key', {
    why: 'it is neither PEM (PKCS #8) nor PRIVATE+KEY+name+hash+base64, or it needs a passphrase',
    fix: 'openssl genpkey -algorithm ed25519 -out FILE',
  })
}

/** Names the log and its key: unguessable, without blanks or plus signs (C2SP signed notes). */
function originOf(run: Run): string {
  const place = run.repository === null ? 'local' : `github.com/${run.repository}`
  const number = run.workflowRunId === null ? '' : `/run/${run.workflowRunId}.${run.attempt ?? '1'}`
  return `${place}${number}/${run.id.slice(0, 8)}`.replaceAll(/[^\w./-]/g, '_')
}

function openingOf(
  run: Run,
  identity: Identity,
  { policy, source }: RunPolicy,
  names: readonly string[],
  launch: LaunchRequest,
  key: string,
): Parameters<ReturnType<typeof openRunLog>['commit']>[1][number] {
  const { issuer, iss, subject, claims, tokenDigest } = identity
  return {
    kind: 'run.open',
    run: { ...run },
    identity: { issuer, iss, subject, groups: [...identity.groups], claims, tokenDigest },
    policy: { digest: policy.digest, source },
    connections: names.flatMap(name => {
      const connection = policy.connections.get(name)
      return connection === undefined ? [] : [{ name, protocol: connection.protocol, address: `${connection.host}:${connection.port}` }]
    }),
    gateway: { version, isolation: launch.isolation },
    key,
  }
}

function wordsOf(identity: Identity, { policy, source }: RunPolicy, connections: readonly Connection[]): readonly string[] {
  return [
    `identity ${identity.subject} of ${identity.issuer}, in ${[...identity.groups].join(', ')}`,
    `policy ${source} ${policy.digest}`,
    ...connections.map(
      ({ name, protocol, host, port, credential }) =>
        `${name} ${protocol} -> ${host}:${port}, credential from ${credential.scheme}:// (never in this job)`,
    ),
  ]
}
