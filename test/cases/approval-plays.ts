// How each row of approval-attacks.jsonl is played: who answers and how, and in which words it ends.
import { Stage, type StageOptions, type Waiting } from './approval-stage.ts'
import type { User } from '../../world/github/state.ts'

/** What came of it: the row's own word when it ended as it should, else what happened instead. */
export type Play = () => Promise<{ readonly got: string; readonly note: string }>

/** An answer that must not count, for this reason. The command must still wait afterwards. */
function refuses(reason: string, act: (stage: Stage, waiting: Waiting) => User, options: StageOptions = {}): Play {
  return onStage(options, async stage => {
    const waiting = await stage.ask()
    const user = act(stage, waiting)
    const given = await stage.refused(user)
    const isHeld = waiting.isHeld()
    const isTold = await until(() => stage.shop.pull.comments.some(({ body }) => body.includes('Answers that do not count')))
    return verdict(given === reason && isHeld && isTold && stage.target.length === 0, 'not_counted', `${given}, ${stage.target.length} ran`)
  })
}

/** Like `refuses`, with another first line of an eligible person. */
const misspells = (reason: string, body: (code: string) => string): Play =>
  refuses(reason, (stage, { code }) => stage.say(stage.shop.people.dana, body(code)).user)

/** The command must end refused in these words, even though an eligible person approves. */
function denies(words: RegExp, act: (stage: Stage, waiting: Waiting) => void | Promise<void>, options: StageOptions = {}): Play {
  return onStage(options, async stage => {
    const waiting = await stage.ask()
    await act(stage, waiting)
    const outcome = await waiting.outcome
    const said = await waiting.words
    return verdict(outcome !== 'ran' && words.test(said) && stage.target.length === 0, 'denied', `${outcome} ${said}`)
  })
}

/** What the request must show, and must not. */
function shows(
  expected: string,
  text: string,
  wanted: readonly string[],
  unwanted: readonly string[],
  options: StageOptions = {},
  bytes?: Buffer,
): Play {
  return onStage(options, async stage => {
    const { comment } = await stage.ask(text, bytes)
    const written = `${comment.body}\n${JSON.stringify(stage.recorder.kept)}`
    const missing = wanted.filter(each => !comment.body.includes(each))
    const leaked = unwanted.filter(each => written.includes(each))
    return verdict(missing.length === 0 && leaked.length === 0, expected, `missing ${missing.join(' ')} leaked ${leaked.length}`)
  })
}

const team = (count: number): StageOptions => ({ group: { name: 'sre', users: [], teams: ['acme/sre'], count, timeoutMs: 1_800_000 } })

export const plays: Readonly<Record<string, Play>> = {
  'APR-001': refuses('author_is_bot', (stage, { approve }) => stage.say(stage.shop.bot, approve, 'app').user),
  'APR-002': refuses('self_approval', (stage, { approve }) => stage.say(stage.shop.people.dana, approve).user, { requesters: ['dana'] }),
  'APR-004': refuses('self_approval', (stage, { approve }) => stage.say(stage.shop.people.sam, approve).user, {
    group: { users: ['sam', 'dana'] },
  }),
  'APR-008': refuses('not_approver', (stage, { approve }) => {
    const lookAlike = stage.shop.github.world.addUser('d\u0430na')
    return stage.say(lookAlike, approve).user
  }),
  'APR-009': refuses('not_approver', (stage, { approve }) => {
    const { world } = stage.shop.github
    stage.shop.people.dana.login = 'dana-before'
    return stage.say(world.addUser('dana'), approve).user
  }),
  'APR-013': denies(
    /expired/,
    async (stage, { approve }) => {
      const { dana } = stage.shop.people
      // The rocket is the sign that the vote was counted; the release is checked after it.
      stage.shop.github.beforeAnswer = (method, path) => {
        if (method === 'POST' && path.endsWith('/reactions')) stage.shop.teams.dba.members.delete(dana.id)
      }
      stage.say(dana, approve)
      const reason = await stage.refused(dana)
      if (reason !== 'no_longer_approver') throw new Error(reason)
    },
    { group: { users: [], teams: ['acme/dba'], timeoutMs: 20_000 } },
  ),
  'APR-022': async () => {
    const before = await Stage.open()
    try {
      const old = await before.ask()
      await before.desk.close(AbortSignal.timeout(5_000))
      return await onStage({ shop: before.shop }, async stage => {
        const waiting = await stage.ask()
        stage.say(stage.shop.people.dana, old.approve)
        const reason = await stage.refused(stage.shop.people.dana)
        const isHeld = waiting.isHeld()
        return verdict(reason === 'nonce_unknown' && isHeld && stage.target.length + before.target.length === 0, 'not_counted', reason)
      })()
    } finally {
      await before.close()
    }
  },
  'APR-025': denies(/digest_mismatch/, (stage, { approve }) => {
    stage.say(stage.shop.people.dana, approve)
    stage.bytes = Buffer.from('DELETE FROM customers\0')
  }),
  'APR-031': onStage({}, async stage => {
    const { dana } = stage.shop.people
    const guesses = Array.from({ length: 10 }, (_, at) => `0000-000${at}`).join(' ')
    stage.say(dana, `/sallyport approve ${guesses}`)
    const one = await stage.ask()
    const other = await stage.ask()
    await until(() => stage.shop.github.requests.filter(({ path }) => path.includes('/comments?')).length >= 2)
    return verdict(one.code !== other.code && stage.target.length === 0, 'not_possible', `${one.code} ${other.code}`)
  }),
  'APR-032': denies(/head_moved/, (stage, { approve }) => {
    stage.shop.pull.headSha = 'f'.repeat(40)
    stage.say(stage.shop.people.dana, approve)
  }),
  'APR-034': onStage({ group: { timeoutMs: 15_000 } }, async stage => {
    const waiting = await stage.ask()
    const outcome = await waiting.outcome
    stage.say(stage.shop.people.dana, waiting.approve)
    const reason = await stage.refused(stage.shop.people.dana)
    return verdict(
      outcome === 'COMMAND_EXPIRED' && reason === 'too_late' && stage.target.length === 0,
      'not_counted',
      `${outcome} ${reason}`,
    )
  }),
  'APR-035': denies(
    /expired/,
    (stage, { approve }) => {
      stage.say(stage.shop.people.dana, approve)
      stage.shop.github.faults.outage = 'unavailable'
    },
    { group: { timeoutMs: 15_000 } },
  ),
  'APR-036': async () => {
    const both = await Promise.all([releasesUnder(600_000), releasesUnder(-600_000)])
    return verdict(
      both.every(({ got }) => got === 'ran'),
      'handled',
      both.map(({ got }) => got).join(' '),
    )
  },
  'APR-037': refuses('edited_comment', (stage, { approve }) => {
    const { dana, mona } = stage.shop.people
    const comment = stage.say(dana, 'Nice work.')
    // Within the same second: the times of REST tell nothing, GraphQL does.
    stage.shop.github.world.editComment(comment, mona, approve)
    return dana
  }),
  'APR-047': misspells('in_code', code => `    /sallyport approve ${code}`),
  'APR-050': misspells(
    'quoted',
    code => `On Mon, 5 Jan 2026 at 10:00, sallyport wrote:\n> post a new comment:\n> /sallyport approve ${code}`,
  ),
  'APR-055': async () => {
    const both = await Promise.all([
      misspells('not_ascii', code => `/sallyport appr\u200bove ${code}`)(),
      misspells('not_ascii', code => `/sallyport approve \u202e${code}`)(),
    ])
    return both.find(({ got }) => got !== 'not_counted') ?? { got: 'not_counted', note: '' }
  },
  'APR-056': async () => {
    const both = await Promise.all([
      misspells('not_ascii', code => `\uff0fsallyport approve ${code}`)(),
      misspells('not_ascii', code => `/sallyport \u0430pprove ${code}`)(),
    ])
    return both.find(({ got }) => got !== 'not_counted') ?? { got: 'not_counted', note: '' }
  },
  'APR-057': misspells('not_exact', code => `/sallyport approve ${code.toLowerCase()}.`),
  'APR-067': shows('shown', 'DELETE FROM carts /* \u202e } \u2066 */', ['⟦U+202E⟧', '⟦U+2066⟧', '> **Warning:**'], []),
  'APR-068': shows('shown', 'DELETE FROM us\u0435rs', ['> **Warning:**', 'U+0435', 'mixed scripts'], []),
  'APR-073': onStage({}, async stage => {
    const one = await stage.ask('DELETE \u0000\ufffd', Buffer.from('44454c455445200000ff', 'hex'))
    const other = await stage.ask('DELETE \u0000\ufffd', Buffer.from('44454c455445200000fe', 'hex'))
    const [first, second] = stage.recorder.of('ask').map(({ digest }) => digest)
    const isShown = one.comment.body.includes('⟦U+0000⟧') && one.comment.body.includes('44454c455445200000ff')
    return verdict(isShown && first !== second && other.comment.body.includes(second ?? '-'), 'shown', one.comment.body)
  }),
  'APR-076': shows('masked', "ALTER USER app PASSWORD 'hunter2-canary'", ["'[password]'", 'hmac-sha256:'], ['hunter2']),
  'APR-078': shows(
    'masked',
    "INSERT INTO people VALUES ('dana@acme.example', '4111111111111111')",
    ['INSERT INTO people', 'not shown'],
    ['dana@acme', '4111111111111111'],
    {
      masks: [
        {
          name: 'pii',
          on: null,
          columns: [],
          patterns: [
            { kind: 'builtin', name: 'email' },
            { kind: 'builtin', name: 'credit-card' },
          ],
          fields: [],
          with: { kind: 'redact' },
          unless: [],
          inference: 'refuse',
        },
      ],
    },
  ),
  'APR-085': async () => {
    const all = await Promise.all(
      (['closed', 'merged', 'locked'] as const).map(state =>
        denies(/thread_closed/, (stage, { approve }) => {
          stage.say(stage.shop.people.dana, approve)
          if (state === 'locked') stage.shop.pull.isLocked = true
          else stage.shop.pull.state = 'closed'
          stage.shop.pull.isMerged = state === 'merged'
        })(),
      ),
    )
    return all.find(({ got }) => got !== 'denied') ?? { got: 'denied', note: '' }
  },
  'APR-090': onStage({ ...team(2), group: { ...team(2).group, users: [] } }, async stage => {
    const { rex, uma } = stage.shop.people
    const waiting = await stage.ask()
    stage.say(rex, waiting.approve)
    await until(() => waiting.comment.body.includes('1 of 2'))
    const polls = (): number => stage.shop.github.requests.filter(({ path }) => path.includes('/comments?')).length
    const seen = polls()
    await until(() => polls() >= seen + 2)
    const isHeld = stage.target.length === 0
    stage.say(uma, waiting.approve)
    return verdict(isHeld && (await waiting.outcome) === 'ran' && stage.target.length === 1, 'counted_once', String(stage.target.length))
  }),
  'APR-093': onStage({}, async stage => {
    const waiting = await stage.ask()
    waiting.leave()
    const outcome = await waiting.outcome
    stage.say(stage.shop.people.dana, waiting.approve)
    const reason = await stage.refused(stage.shop.people.dana)
    return verdict(
      outcome === 'COMMAND_CANCELLED' && reason === 'already_ended' && stage.target.length === 0,
      'denied',
      `${outcome} ${reason}`,
    )
  }),
  'APR-096': onStage({}, async stage => {
    const { dana } = stage.shop.people
    const waiting = await stage.ask()
    stage.say(dana, waiting.approve)
    const outcome = await waiting.outcome
    stage.say(dana, `/sallyport deny ${waiting.code} stop`)
    const reason = await stage.refused(dana)
    const isTold = await until(() => /released at \d{4}-/.test(waiting.comment.body))
    return verdict(outcome === 'ran' && reason === 'late_deny' && isTold && stage.target.length === 1, 'recorded', `${outcome} ${reason}`)
  }),
  'APR-097': onStage(team(2), async stage => {
    const { rex } = stage.shop.people
    const waiting = await stage.ask()
    stage.say(rex, waiting.approve)
    stage.say(rex, waiting.approve)
    const reason = await stage.refused(rex)
    return verdict(reason === 'counted_once' && stage.target.length === 0, 'counted_once', reason)
  }),
  'APR-099': onStage(team(2), async stage => {
    const { rex, uma } = stage.shop.people
    const waiting = await stage.ask()
    stage.say(rex, waiting.approve)
    await until(() => waiting.comment.body.includes('1 of 2'))
    stage.shop.teams.sre.members.delete(rex.id)
    stage.say(uma, waiting.approve)
    const reason = await stage.refused(rex)
    return verdict(reason === 'no_longer_approver' && stage.target.length === 0, 'not_counted', reason)
  }),
}

/** An eligible approval while GitHub's clock is wrong. */
function releasesUnder(skewMs: number): Promise<{ readonly got: string; readonly note: string }> {
  return onStage({}, async stage => {
    stage.shop.github.faults.skewMs = skewMs
    const waiting = await stage.ask()
    stage.say(stage.shop.people.dana, waiting.approve)
    return { got: await waiting.outcome, note: '' }
  })()
}

export function onStage(options: StageOptions, play: (stage: Stage) => Promise<{ readonly got: string; readonly note: string }>): Play {
  return async () => {
    const stage = await Stage.open(options)
    try {
      const ended = await play(stage)
      const { drift } = stage.shop.github
      return drift.length === 0 ? ended : { got: 'drift', note: drift.join('; ') }
    } finally {
      await stage.close()
    }
  }
}

export function verdict(isAsExpected: boolean, expected: string, seen: string): { readonly got: string; readonly note: string } {
  return isAsExpected ? { got: expected, note: '' } : { got: 'otherwise', note: seen }
}

/** Looks until it is so, 15 s at most. */
export async function until(isSo: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (isSo()) return true
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return false
}
