// A stage for one approval case: the stand-in of GitHub, the real desk, gate and adapter, and a target that notes what reaches it.
import { openGitHubChannel } from '../../gateway/adapter/github-comment/channel.ts'
import { systemClock, type Clock } from '../../gateway/core/clock.ts'
import type { ApproverGroup } from '../../gateway/core/decision.ts'
import { Refusal } from '../../gateway/core/errors.ts'
import { Permit } from '../../gateway/core/permit.ts'
import { Secret } from '../../gateway/core/secret.ts'
import type { Session } from '../../gateway/core/session.ts'
import type { MaskRule } from '../../gateway/core/mask-rule.ts'
import { maskerFor } from '../../gateway/mask/masker-for.ts'
import { openApprovalDesk, type OpenApprovalDesk } from '../../gateway/session/approval-desk.ts'
import { openFrontDesk } from '../../gateway/session/front-desk.ts'
import { startShop, type Shop } from '../../world/github/shop.ts'
import type { Comment, User } from '../../world/github/state.ts'
import { MemoryRecorder } from '../session/memory-recorder.ts'
import { dba, identity, orders, policyThat, run, sql } from '../session/samples.ts'

export interface StageOptions {
  readonly group?: Partial<ApproverGroup>
  /** Logins of the run's actor and triggering actor. */
  readonly requesters?: readonly string[]
  readonly clock?: Clock
  readonly masks?: readonly MaskRule[]
  /** A desk that is on stage already: another command of the same run. */
  readonly shop?: Shop
}

/** A command that waits. */
export interface Waiting {
  readonly code: string
  readonly comment: Comment
  readonly approve: string
  /** `ran`, or the refusal's code. */
  readonly outcome: Promise<string>
  /** The refusal's own words; empty when it ran. */
  readonly words: Promise<string>
  /** True while nobody has decided. */
  isHeld(): boolean
  leave(): void
}

export class Stage {
  readonly shop: Shop
  readonly recorder = new MemoryRecorder()
  /** What the target saw. */
  readonly target: string[] = []
  readonly desk: OpenApprovalDesk
  readonly session: Session
  readonly #ownsShop: boolean
  bytes: Buffer = Buffer.alloc(0)

  private constructor(shop: Shop, options: StageOptions) {
    this.shop = shop
    this.#ownsShop = options.shop === undefined
    const clock = options.clock ?? systemClock
    const group: ApproverGroup = { ...dba, ...options.group }
    const channel = openGitHubChannel({
      environment: { GITHUB_API_URL: shop.github.url, GITHUB_SERVER_URL: shop.github.url },
      token: new Secret(group.teams.length === 0 ? shop.workflowToken : shop.appToken),
      repository: 'acme/shop',
      pullRequest: 42,
      run,
      key: 'sallyport+0a1b2c3d+key',
      requesters: { ids: [], logins: options.requesters ?? [] },
    })
    this.desk = openApprovalDesk({ channel, run, clock, random: () => 0.5 })
    const mask = maskerFor(options.masks ?? [], Buffer.alloc(32, 7))
    this.session = openFrontDesk({
      connection: orders,
      ticket: 'ticket',
      identity,
      run,
      policy: policyThat(() => ({ outcome: 'ask', rule: 'unfiltered-writes', because: 'Touches every row.', approvers: group })),
      masker: mask(identity, orders),
      recorder: this.recorder,
      approvals: this.desk,
      leases: { borrow: () => Promise.reject(new Error('no credential on this stage')) },
      clock,
      keptRows: 0,
    }).checkIn({ application: 'psql', login: 'ci' })
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    return new Stage(options.shop ?? (await startShop({ checked: true })), options)
  }

  /** Sends one statement that needs an approval, and waits until the request is out. */
  async ask(
    text = 'DELETE FROM carts',
    bytes: Buffer = Buffer.from(`${text}\0`),
    values: readonly (string | null)[] = [],
  ): Promise<Waiting> {
    this.bytes = bytes
    const left = new AbortController()
    const before = this.recorder.of('ask').length
    const admission = Promise.resolve(
      this.session.admit([sql(text, { values })], { bytes: () => this.bytes, signal: left.signal, onHeld: () => undefined, notes: [] }),
    )
    let words = ''
    let isHeld = true
    const outcome = admission.then(
      ({ permit }) => {
        // As an engine's target does: only what the gate made gets through.
        if (Permit.isMinted(permit)) this.target.push(...permit.commands.map(command => command.text))
        return 'ran'
      },
      (error: unknown) => {
        words = error instanceof Error ? error.message : ''
        return error instanceof Refusal ? error.code : String(error)
      },
    )
    void outcome.then(() => (isHeld = false))
    await Promise.race([outcome, this.recorder.seen(event => event.kind === 'ask' && this.recorder.of('ask').length > before)])
    const asked = this.recorder.of('ask').at(-1)
    const comment = this.shop.pull.comments.find(({ body }) => body.includes(`code=${asked?.code ?? '-'} -->`))
    if (asked === undefined || comment === undefined) throw new Error(`no request is out: ${await outcome} ${words}`)
    return {
      code: asked.code,
      comment,
      approve: `/sallyport approve ${asked.code}`,
      outcome,
      words: outcome.then(() => words),
      isHeld: () => isHeld,
      leave: () => left.abort(),
    }
  }

  say(user: User, body: string, kind?: 'user' | 'app' | 'user-via-app'): Comment {
    return this.shop.say(user, body, kind)
  }

  /** The reason of the first refused answer of this person. */
  async refused(user: User): Promise<string> {
    const event = await this.recorder.seen(each => each.kind === 'answer' && each.outcome === 'refused' && each.by[0]?.id === user.id)
    return event.kind === 'answer' ? (event.reason ?? '') : ''
  }

  async close(): Promise<void> {
    this.session.checkOut('the play is over')
    await this.desk.close(AbortSignal.timeout(5_000))
    if (this.#ownsShop) await this.shop.github.stop()
  }
}
