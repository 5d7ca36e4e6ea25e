// A launch request for tests, with what a test cares about replaced.
import type { LaunchRequest } from '../../gateway/control/protocol.ts'

export function launchRequest(changes: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    kind: 'launch',
    policy: { kind: 'text', text: 'version: 1\n', name: 'sallyport.yml' },
    connections: [],
    token: null,
    audience: 'ready',
    githubToken: '',
    pullRequest: null,
    environment: {},
    out: null,
    clientDir: '/tmp/nowhere',
    isolation: 'none',
    watchPid: null,
    timeToLiveMs: 60_000,
    event: null,
    artifact: null,
    attest: false,
    ...changes,
  }
}
