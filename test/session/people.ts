// People who answer requests as a test tells them to.
import type { ApprovalDesk, ApprovalProgress, ApprovalRequest } from '../../gateway/core/approval.ts'
import type { Verdict } from '../../gateway/core/decision.ts'

/** People who are asked: every request waits until the test answers it. */
export class People implements ApprovalDesk {
  readonly asked: { readonly request: ApprovalRequest; readonly signal: AbortSignal; readonly answer: (verdict: Verdict) => void }[] = []
  readonly reports: string[] = []
  #wake: () => void = () => {}

  ask(request: ApprovalRequest, progress: ApprovalProgress, signal: AbortSignal): Promise<Verdict> {
    const hold = {
      code: 'ABCD-2345',
      rule: request.rule,
      because: null,
      approvers: 'dba',
      until: new Date(Date.UTC(2030, 0, 1)),
      where: 'https://pr.example/1',
    }
    return new Promise(resolve => {
      progress.onHeld(hold, 'sha256:00')
      progress.onPosted(hold, 'sha256:00')
      const gone = (): void => resolve({ outcome: 'superseded', at: new Date(), reason: 'the client went away' })
      if (signal.aborted) gone()
      signal.addEventListener('abort', gone, { once: true })
      this.asked.push({ request, signal, answer: resolve })
      this.#wake()
    })
  }

  report(_: string, outcome: string): void {
    this.reports.push(outcome)
  }

  /** Waits until so many requests were made, and returns the last of them. */
  async request(count: number): Promise<People['asked'][number]> {
    while (this.asked.length < count) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return this.asked[count - 1]!
  }
}

export const approved: Verdict = {
  outcome: 'approved',
  by: [{ id: 1, login: 'dana', evidence: 'https://pr.example/2', at: new Date() }],
  at: new Date(),
}
export const rejected: Verdict = {
  outcome: 'rejected',
  by: { id: 1, login: 'dana', evidence: 'https://pr.example/2', at: new Date() },
  at: new Date(),
  reason: 'not today',
}
export const expired: Verdict = { outcome: 'expired', at: new Date(), reason: 'nobody answered' }
