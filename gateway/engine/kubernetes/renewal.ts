// Requests with a credential that may have ended early: refused once, it is fetched anew; what changes nothing is then sent again.
import type { Lease } from '../../core/credential.ts'
import { SallyportError } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import type { TargetAnswer } from './target-answer.ts'

/**
 * @param isSafe it changes nothing: it may be sent twice. The refusal of anything else is the client's to hear; its next request has the new one.
 * @throws {SallyportError} what `send` throws; TARGET_LOGIN_REFUSED when there is no other credential, or it is refused too.
 */
export async function sendRenewed<Answer = TargetAnswer>(
  session: Session,
  signal: AbortSignal,
  isSafe: boolean,
  send: (lease: Lease) => Promise<Answer>,
): Promise<Answer> {
  const lease = await session.borrow(signal)
  try {
    return await send(lease)
  } catch (error) {
    if (!(error instanceof SallyportError) || error.code !== 'TARGET_LOGIN_REFUSED') throw error
    const fresh = await session.borrow(signal, lease)
    if (fresh === lease || !isSafe) throw error
    return await send(fresh)
  }
}
