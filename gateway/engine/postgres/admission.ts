// What happens to a message once it is judged: passed on, or refused, at once or when people have answered.
import { SallyportError } from '../../core/errors.ts'
import type { Running } from './answers.ts'
import type { Judge, Wanted } from './judge.ts'

/** Sends what was admitted; a promise when something more must be waited for. */
export type Pass = (running: readonly Running[]) => Promise<void> | null | void

export interface Outcomes {
  readonly pass: Pass
  readonly refuse: (error: SallyportError) => void
  /** True when the session or the batch has ended while people were asked: nothing is sent then. */
  readonly isTooLate: () => boolean
}

export function admitThen(judge: Judge, wanted: Wanted, outcomes: Outcomes): Promise<void> | null {
  let admitted: readonly Running[] | Promise<readonly Running[]>
  try {
    admitted = judge.admit(wanted)
  } catch (error) {
    outcomes.refuse(refusalOf(error))
    return null
  }
  if (!(admitted instanceof Promise)) return outcomes.pass(admitted) ?? null
  return admitted.then(
    running => {
      if (!outcomes.isTooLate()) return outcomes.pass(running) ?? undefined
      for (const { run } of running) run.fail('25P02', 'not sent: its batch or its session had ended while it was held')
      return undefined
    },
    (error: unknown) => {
      if (!outcomes.isTooLate()) outcomes.refuse(refusalOf(error))
    },
  )
}

/** Goes on with what was read: at once, or when a text that is read elsewhere is done. */
export function readThen<T>(
  read: T | Promise<T>,
  then: (known: T) => Promise<void> | null,
  { refuse, isTooLate }: Pick<Outcomes, 'refuse' | 'isTooLate'>,
): Promise<void> | null {
  if (!(read instanceof Promise)) return then(read)
  return read.then(
    known => (isTooLate() ? undefined : (then(known) ?? undefined)),
    (error: unknown) => {
      if (!isTooLate()) refuse(refusalOf(error))
    },
  )
}

export function textOf(wanted: Pick<Wanted, 'statements'>): string {
  return wanted.statements.map(statement => statement.command.text).join('; ')
}

/** Only a refusal is told to the client as one; anything else ends the session. */
function refusalOf(error: unknown): SallyportError {
  if (error instanceof SallyportError && error.code !== 'RECORDING_FAILED' && error.code !== 'INTERNAL') return error
  throw error
}
