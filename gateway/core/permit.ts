// The proof that a message may go to the target. Only session/gate.ts mints one (a layer test holds that).
import type { Command } from './command.ts'

export class Permit {
  static readonly #real = new WeakSet<Permit>()
  readonly commands: readonly Command[]

  private constructor(commands: readonly Command[]) {
    this.commands = commands
  }

  static mint(commands: readonly Command[]): Permit {
    const permit = new Permit(commands)
    Permit.#real.add(permit)
    return permit
  }

  /** True only for what `mint` made; catches values that came through `any`. */
  static isMinted(permit: Permit): boolean {
    return Permit.#real.has(permit)
  }
}
