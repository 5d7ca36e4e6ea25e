// Ends gateways at every point, as often as asked, and holds each recording against what was seen.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { countPasses, playRound } from './kill-round.ts'
import { openKillStage } from './kill-stage.ts'
import { holdAgainst } from './oracle.ts'
import { points, sealedAfter } from './points.ts'

/** What happens at a point: the process is killed, or goes on after an error or a while. */
export type Action = 'kill' | 'throw' | 'ENOSPC' | 'delay'

export interface Campaign {
  readonly kills: number
  readonly points: number
  readonly forwarded: number
  readonly forwardedBytes: number
  readonly rowsSeen: number
  /** Recordings of which a line or a note was torn. */
  readonly torn: number
}

/** A run may pass a point less often than the one that was counted; then it is played again. */
const MAX_TRIES = 3

/** @param kills in all, spread over the points and actions. @param onKill after each, with the number so far. */
export async function runCampaign(
  kills: number,
  atOnce: number,
  actions: readonly Action[] = ['kill'],
  onKill: (done: number) => void = () => undefined,
): Promise<Campaign> {
  const stage = await openKillStage()
  const sum = { kills: 0, points: points.length, forwarded: 0, forwardedBytes: 0, rowsSeen: 0, torn: 0 }
  try {
    const passes = await countPasses(stage)
    for (const { name } of points) assert.ok(passes.has(name), `no run passes ${name}`)
    const todo = Array.from({ length: kills }, (_, index) => ({
      index,
      ...points[index % points.length]!,
      action: actions[Math.floor(index / points.length) % actions.length]!,
    }))
    const next = async (): Promise<void> => {
      for (let job = todo.shift(); job !== undefined; job = todo.shift()) {
        const most = passes.get(job.name) ?? 1
        // Spread over the run; not the last time, which a run without an approval, or with other timers, may not come to.
        // Nothing goes on after half a message: only the end of the process cuts one.
        if (job.action !== 'kill' && job.name.endsWith('.mid-message')) continue
        const hit = 1 + Math.floor(Math.random() * Math.max(1, most - 1))
        await play(`k${job.index}`, job.name, hit, job.action, job.isAsked)
        onKill(sum.kills)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, next))
    return sum
  } finally {
    await stage.close()
  }

  async function play(name: string, point: string, hit: number, action: Action, isAsked: boolean, tries = 1): Promise<void> {
    const round = await playRound(stage, name, `${point} ${hit} ${action}`, isAsked)
    try {
      if (action === 'kill' && round.end === 'finished' && tries < MAX_TRIES) {
        await holdAgainst(round, stage.s3)
        rmSync(path.join(stage.dir, name), { recursive: true })
        await play(`${name}again`, point, 1, action, isAsked, tries + 1)
        return
      }
      if (action === 'kill') assert.equal(round.end, 'killed')
      const held = await holdAgainst(round, stage.s3)
      sum.kills += 1
      sum.forwarded += held.forwarded
      sum.forwardedBytes += held.forwardedBytes
      sum.rowsSeen += held.rowsSeen
      if (held.isTorn) sum.torn += 1
      if (action === 'kill') assert.ok(held.isTorn || point !== 'log.mid-line', 'what was cut in the middle is whole')
      rmSync(path.join(stage.dir, name), { recursive: true })
    } catch (error) {
      throw new Error(`${action} at ${point}, the ${hit}. time (${sealedAfter.has(point) ? 'sealed' : 'not sealed'}): ${String(error)}`, {
        cause: error,
      })
    }
  }
}
