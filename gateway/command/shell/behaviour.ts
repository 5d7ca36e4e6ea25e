// What a program does with its arguments, as far as it is known: the answer of every reader of arguments.

/** How an argument is written. `null` = not known. */
export type Argument = string | null

export type Behaviour =
  | { readonly kind: 'plain' }
  /** Runs the rest, a program with its arguments. */
  | { readonly kind: 'runs'; readonly argv: readonly Argument[]; readonly writes?: readonly string[] }
  /** Runs several. */
  | { readonly kind: 'runs-each'; readonly argvs: readonly (readonly Argument[])[] }
  /** Runs a text as a shell would. */
  | { readonly kind: 'shell'; readonly text: string; readonly writes?: readonly string[] }
  | { readonly kind: 'writes'; readonly paths: readonly string[] }
  | { readonly kind: 'doubt'; readonly reason: string }

export const plain: Behaviour = { kind: 'plain' }

export function doubt(reason: string): Behaviour {
  return { kind: 'doubt', reason }
}

/** Whether all arguments are known: in one that is not, options may hide. */
export function areKnown(args: readonly Argument[]): args is readonly string[] {
  return !args.includes(null)
}

/** True when a long option may be one of these, written whole or as short as its program allows. */
export function mayMean(arg: string, names: readonly string[], harmless: readonly string[] = []): boolean {
  if (!arg.startsWith('--')) return false
  const [name = ''] = arg.slice(2).split('=', 1)
  return name !== '' && !harmless.includes(name) && names.some(each => each.startsWith(name) || name.startsWith(each))
}
