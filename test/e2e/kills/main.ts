// `npm run kills`: a thousand gateways are killed, spread over all named points; then errors and delays at each of them.
// Takes about a quarter of an hour.
// Usage: npm run kills [-- KILLS [AT_ONCE]]
import { runCampaign } from './campaign.ts'
import type { Action } from './campaign.ts'
import { points } from './points.ts'

const kills = Number(process.argv[2] ?? 1000)
const atOnce = Number(process.argv[3] ?? 4)
const started = performance.now()
const held = await runCampaign(kills, atOnce, ['kill'], done => {
  if (done % 50 === 0) process.stderr.write(`${done} of ${kills}, ${Math.round((performance.now() - started) / 1000)} s\n`)
})
const { kills: done, points: count, forwarded, forwardedBytes, rowsSeen, torn } = held
process.stdout.write(
  `${done} gateways killed at ${count} points: ${forwarded} commands reached the target (${forwardedBytes} bytes), 0 of them missing in the recordings; clients saw ${rowsSeen} rows; ${torn} recordings with a torn line or note, never more than one\n`,
)

const faults: readonly Action[] = ['throw', 'ENOSPC', 'delay']
const failed = await runCampaign(points.length * faults.length, atOnce, faults)
process.stdout.write(
  `${failed.kills} gateways met ${faults.join(', ')} at those points: ${failed.forwarded} commands reached the target, 0 of them missing in the recordings\n`,
)
