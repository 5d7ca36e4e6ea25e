// A gateway of its own process that waits for an approval, to be killed. Prints one JSON line when it asks, one when it runs.
import { openGitHubChannel } from '../../gateway/adapter/github-comment/channel.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import { Secret } from '../../gateway/core/secret.ts'
import { openApprovalDesk } from '../../gateway/session/approval-desk.ts'
import { requestOf, run } from '../session/samples.ts'

const environment = { GITHUB_API_URL: process.env['GITHUB_API_URL'] }
const channel = openGitHubChannel({
  environment,
  token: new Secret(process.env['GITHUB_TOKEN'] ?? ''),
  repository: 'acme/shop',
  pullRequest: 42,
  run: { ...run, id: 'run-of-the-child' },
  key: 'sallyport+0a1b2c3d+key',
  requesters: { ids: [], logins: [] },
})
const desk = openApprovalDesk({ channel, run, clock: systemClock })
const verdict = await desk.ask(
  requestOf(),
  {
    onHeld: () => undefined,
    onPosted: hold => console.log(JSON.stringify({ code: hold.code, listens: process.getActiveResourcesInfo().includes('TCPServerWrap') })),
    onRefused: () => undefined,
  },
  AbortSignal.timeout(60_000),
)
console.log(JSON.stringify({ verdict: verdict.outcome }))
process.exit(0)
