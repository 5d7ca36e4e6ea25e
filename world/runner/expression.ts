// `${{ … }}` in workflows: dotted names and the status functions. What it does not know it refuses, as GitHub does.

/** What expressions can name: `github.token`, `secrets.PASSWORD`, `steps.guard.outputs.run`, `env.X`, `runner.temp`. */
export interface Contexts {
  readonly [name: string]: unknown
}

export type JobStatus = 'success' | 'failure' | 'cancelled'

/** Replaces each `${{ name }}`; a name that leads nowhere is an empty string, as on GitHub. */
export function expand(text: string, contexts: Contexts): string {
  return text.replaceAll(/\$\{\{\s*(.*?)\s*\}\}/g, (_, expression: string) => textOf(lookUp(expression, contexts)))
}

/** Whether a step with this `if:` runs. Without a status function, `success()` is understood. */
export function holds(condition: string | undefined, status: JobStatus): boolean {
  switch ((condition ?? 'success()').replace(/^\$\{\{\s*|\s*\}\}$/g, '').trim()) {
    case 'always()':
      return true
    case 'success()':
      return status === 'success'
    case 'failure()':
      return status === 'failure'
    case 'cancelled()':
      return status === 'cancelled'
    case '!cancelled()':
      return status !== 'cancelled'
    default:
      throw new Error(`the world's runner does not know the condition ${condition}`)
  }
}

function lookUp(expression: string, contexts: Contexts): unknown {
  if (!/^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$/.test(expression))
    throw new Error(`the world's runner does not know the expression ${expression}`)
  const [root = '', ...names] = expression.split('.')
  if (!Object.hasOwn(contexts, root)) throw new Error(`unrecognized named-value: ${root}`)
  let value: unknown = contexts[root]
  for (const name of names) {
    if (typeof value !== 'object' || value === null) return ''
    value = Object.hasOwn(value, name) ? Reflect.get(value, name) : ''
  }
  return value
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === null || value === undefined ? '' : JSON.stringify(value)
}
