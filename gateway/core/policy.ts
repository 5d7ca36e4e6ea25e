// What the gate asks of the policy. policy/ implements it: pure, synchronous.
import type { Command } from './command.ts'
import type { Connection } from './connection.ts'
import type { Decision } from './decision.ts'
import type { Identity, Run } from './identity.ts'
import type { Masker } from './masker.ts'

export interface Policy {
  /** SHA-256 of the file's bytes, `sha256:hex`. */
  readonly digest: string
  readonly connections: ReadonlyMap<string, Connection>
  /** Names of the connections this identity may open, in the file's order. */
  opens(identity: Identity): readonly string[]
  decide(identity: Identity, connection: Connection, command: Command, run: Run): Decision
  /**
   * False when no rule of the connection looks at anything that commands of one `shape` differ in: one decision is every one's.
   * Left out = true.
   */
  looksAtText?(connection: Connection): boolean
  /** True when every command is allowed, understood or not: then nothing hangs on how one is understood. Left out = false. */
  allowsEverything?(identity: Identity, connection: Connection, run: Run): boolean
}

/** Makes the masker of one session; mask/ implements it from the policy's `masks:`. */
export type MaskerFor = (identity: Identity, connection: Connection) => Masker
