// Values of a Secret in what an approver sees: how large each is, roughly, and whether it is another one. The exact length of a password says
// too much, that it changes is what there is to approve.

type Fields = Record<string, unknown>

/**
 * The covered object with sizes in place of covers.
 * @param plain the same object uncovered. @param before the object that it replaces, null = there is none.
 */
export function withSizes(covered: unknown, plain: unknown, before: unknown): unknown {
  const [shown, held, old] = [covered, plain, before].map(dataOf)
  if (shown === null || shown === undefined || held === null || held === undefined || !isFields(covered)) return covered
  const data = Object.entries(shown).map(([name, value]) => {
    const real = held[name]
    if (typeof real !== 'string' || real === value) return [name, value] as const
    const earlier = old?.[name]
    const isOther = typeof earlier === 'string' && earlier !== real
    return [name, `(${sizeOf(real)}${isOther ? ', another value' : ''})`] as const
  })
  return { ...covered, data: Object.fromEntries(data) }
}

/** `17 to 32 bytes`. @param encoded base64. */
function sizeOf(encoded: string): string {
  const bytes = Buffer.from(encoded, 'base64').length
  if (bytes === 0) return 'empty'
  let above = 16
  while (above < bytes) above *= 2
  return above === 16 ? 'up to 16 bytes' : `${above / 2 + 1} to ${above} bytes`
}

function dataOf(object: unknown): Fields | null {
  return isFields(object) && object['kind'] === 'Secret' && isFields(object['data']) ? object['data'] : null
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
