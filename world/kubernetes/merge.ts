// The four ways to patch an object, as far as kubectl uses them: merge patch, strategic merge, JSON patch, and server-side apply.

type Fields = Record<string, unknown>

/** Lists of objects that strategic merge merges by a key. */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ports: 'containerPort',
  ownerReferences: 'uid',
}

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch
  const result: Fields = isFields(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key], value)
  }
  return result
}

export function strategicMerge(target: unknown, patch: unknown, key = ''): unknown {
  if (Array.isArray(patch)) {
    const mergeKey = mergeKeys[key]
    if (mergeKey === undefined || !Array.isArray(target)) return patch.filter(item => !isDeletion(item))
    const merged: unknown[] = [...target]
    for (const item of patch as Fields[]) {
      const place = merged.findIndex(known => (known as Fields)[mergeKey] === item[mergeKey])
      if (isDeletion(item)) {
        if (place !== -1) merged.splice(place, 1)
      } else if (place === -1) merged.push(item)
      else merged[place] = strategicMerge(merged[place], item)
    }
    return merged
  }
  if (!isFields(patch)) return patch
  const result: Fields = isFields(target) && patch['$patch'] !== 'replace' ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue
    if (value === null) delete result[name]
    else result[name] = strategicMerge(result[name], value, name)
  }
  return result
}

/** RFC 6902. */
export function jsonPatch(target: unknown, operations: readonly { op: string; path: string; from?: string; value?: unknown }[]): unknown {
  let document = structuredClone(target)
  for (const { op, path, from, value } of operations) {
    if (op === 'test') {
      if (JSON.stringify(read(document, path)) !== JSON.stringify(value)) throw new Error('the test failed')
    } else if (op === 'remove') document = write(document, path, undefined, 'remove')
    else if (op === 'copy' || op === 'move') {
      const moved = structuredClone(read(document, from ?? ''))
      if (op === 'move') document = write(document, from ?? '', undefined, 'remove')
      document = write(document, path, moved, 'add')
    } else document = write(document, path, value, op === 'replace' ? 'replace' : 'add')
  }
  return document
}

function steps(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function read(document: unknown, path: string): unknown {
  return steps(path).reduce<unknown>((value, step) => (value as Fields | undefined)?.[step], document)
}

function write(document: unknown, path: string, value: unknown, how: 'add' | 'replace' | 'remove'): unknown {
  const all = steps(path)
  const last = all.pop()
  if (last === undefined) return value
  const parent = all.reduce<unknown>((at, step) => (at as Fields | undefined)?.[step], document)
  if (Array.isArray(parent)) {
    if (how === 'remove') parent.splice(Number(last), 1)
    else if (how === 'replace') parent[Number(last)] = value
    else parent.splice(last === '-' ? parent.length : Number(last), 0, value)
  } else if (isFields(parent)) {
    if (how === 'remove') delete parent[last]
    else parent[last] = value
  } else throw new Error(`there is nothing at ${path}`)
  return document
}

function isDeletion(item: unknown): boolean {
  return isFields(item) && item['$patch'] === 'delete'
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
