// The proof that a message may go to the target. Only session/gate.ts mints one (a layer test holds that).
import type { Command } from './command.ts'

/** Known in this file only: without it the constructor makes nothing, also for a caller who got around its type. */
const minting = Symbol('minting')

export class Permit {
  /** The brand: nothing but the constructor can put it on an object. */
  readonly #commands: readonly Command[]

  private constructor(commands: readonly Command[], key: symbol) {
    if (key !== minting) throw new TypeError('a permit is minted by the gate')
    this.#commands = commands
  }

  get commands(): readonly Command[] {
    return this.#commands
  }

  static mint(commands: readonly Command[]): Permit {
    return new Permit(commands, minting)
  }

  /** True only for what `mint` made; catches values that came through `any`. */
  static isMinted(permit: Permit): boolean {
    return #commands in permit
  }
}
