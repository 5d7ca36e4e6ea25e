// How the gateway's process is started: which Node, which script, which environment. Nothing of the job's environment is inherited.
import path from 'node:path'

/** A program to start. `waits` = it says `{"kind":"isolated"}` or a failure on stdout before the gateway itself runs. */
export interface GatewayStart {
  readonly file: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly waits: boolean
}

/**
 * What Node is told; `selfCheck` expects nothing else. A young generation of the default size grows by 70 MB under load: what a gateway
 * allocates is short-lived. One of half this size costs a tenth more processor time for each of many small requests.
 */
export const hardenedFlags: readonly string[] = [
  ...(process.allowedNodeEnvironmentFlags.has('--disable-sigusr1') ? ['--disable-sigusr1'] : []),
  '--max-semi-space-size=4',
]

/**
 * Starts the gateway as the launcher's own user (`isolation: none`).
 *
 * @param script `dist/gateway.mjs`, or `gateway/main.ts` on a Node that runs TypeScript.
 * @param trackingId RUNNER_TRACKING_ID: by it the runner sweeps what outlives a job; null outside GitHub.
 */
export function plainStart(script: string, trackingId: string | null): GatewayStart {
  return {
    file: process.execPath,
    args: [...hardenedFlags, path.resolve(script)],
    environment: { ...cleanEnvironment, ...(trackingId === null ? {} : { RUNNER_TRACKING_ID: trackingId }) },
    waits: false,
  }
}

/**
 * The gateway's environment is a list of what it gets, not of what it does not: NODE_OPTIONS, LD_PRELOAD, NODE_EXTRA_CA_CERTS,
 * SSL_CERT_FILE, OPENSSL_CONF and proxies could each be set by an earlier step. What it needs of the job comes over the pipe.
 */
export const cleanEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
  HOME: '/nonexistent',
  // glibc gives each thread of Node an arena of its own otherwise, and keeps what was freed: 40 MB together.
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '4194304',
}
