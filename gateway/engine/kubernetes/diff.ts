// What changed between two texts, line by line, with a little of what stands around it (Myers' comparison, bounded).

const CONTEXT_LINES = 3
/** Beyond this many differing lines the whole middle is shown as replaced. */
const MAX_EDITS = 500

type Edit = { readonly mark: ' ' | '-' | '+'; readonly line: string }

function same(line: string): Edit {
  return { mark: ' ', line }
}

/** Unified lines without a header; empty when the texts are equal. */
export function diffLines(before: string, after: string): string {
  const old = before === '' ? [] : before.split('\n')
  const fresh = after === '' ? [] : after.split('\n')
  let head = 0
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) head += 1
  let tail = 0
  while (tail < old.length - head && tail < fresh.length - head && old[old.length - 1 - tail] === fresh[fresh.length - 1 - tail]) tail += 1
  const edits = [
    ...old.slice(0, head).map(same),
    ...middle(old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail)),
    ...old.slice(old.length - tail).map(same),
  ]
  return shorten(edits).join('\n')
}

function middle(old: readonly string[], fresh: readonly string[]): readonly Edit[] {
  const replaced = (): readonly Edit[] => [
    ...old.map((line): Edit => ({ mark: '-', line })),
    ...fresh.map((line): Edit => ({ mark: '+', line })),
  ]
  if (old.length === 0 || fresh.length === 0) return replaced()
  const trace: Map<number, number>[] = []
  let reach = new Map<number, number>([[1, 0]])
  for (let cost = 0; cost <= Math.min(MAX_EDITS, old.length + fresh.length); cost += 1) {
    trace.push(new Map(reach))
    const next = new Map(reach)
    for (let diagonal = -cost; diagonal <= cost; diagonal += 2) {
      const isDown = diagonal === -cost || (diagonal !== cost && at(next, diagonal - 1) < at(next, diagonal + 1))
      let x = isDown ? at(next, diagonal + 1) : at(next, diagonal - 1) + 1
      while (x < old.length && x - diagonal < fresh.length && old[x] === fresh[x - diagonal]) x += 1
      next.set(diagonal, x)
      if (x >= old.length && x - diagonal >= fresh.length) return walkBack(trace, old, fresh)
    }
    reach = next
  }
  return replaced()
}

function at(map: ReadonlyMap<number, number> | undefined, key: number): number {
  return map?.get(key) ?? -1
}

function walkBack(trace: readonly ReadonlyMap<number, number>[], old: readonly string[], fresh: readonly string[]): readonly Edit[] {
  const edits: Edit[] = []
  let x = old.length
  let y = fresh.length
  for (let cost = trace.length - 1; cost >= 0; cost -= 1) {
    const reach = trace[cost]
    const diagonal = x - y
    const isDown = diagonal === -cost || (diagonal !== cost && at(reach, diagonal - 1) < at(reach, diagonal + 1))
    const from = isDown ? diagonal + 1 : diagonal - 1
    const fromX = at(reach, from)
    const fromY = fromX - from
    while (x > Math.max(fromX, 0) && y > Math.max(fromY, 0)) {
      x -= 1
      y -= 1
      edits.push({ mark: ' ', line: old[x] ?? '' })
    }
    if (cost === 0) break
    if (isDown) {
      y -= 1
      edits.push({ mark: '+', line: fresh[y] ?? '' })
    } else {
      x -= 1
      edits.push({ mark: '-', line: old[x] ?? '' })
    }
  }
  return edits.toReversed()
}

/** Drops equal lines far from any change; a line of dots says so. */
function shorten(edits: readonly Edit[]): readonly string[] {
  const isNear = edits.map(() => false)
  edits.forEach(({ mark }, index) => {
    if (mark === ' ') return
    for (let near = Math.max(0, index - CONTEXT_LINES); near <= Math.min(edits.length - 1, index + CONTEXT_LINES); near += 1)
      isNear[near] = true
  })
  const lines: string[] = []
  let isCut = false
  edits.forEach(({ mark, line }, index) => {
    if (isNear[index] === true) {
      lines.push(`${mark}${line}`)
      isCut = false
    } else if (!isCut && isNear.includes(true)) {
      lines.push(' …')
      isCut = true
    }
  })
  return lines
}
