// Which paths of the Kubernetes API are let near the judgement: those that no proxy, server or reader could take for another one.
// The server itself decodes %2F, serves empty segments and ignores slashes at the end; a judge that guesses along is one bug away from a hole.

/** Longer than any path of the API. */
const MAX_PATH = 4_096

/** Segments the server can mean: names of objects, groups, versions and resources need no more than these characters. */
const SEGMENT = /^[A-Za-z0-9._:~@!$&'()*+,=-]+$/

/** What is wrong with the path, in words, or null. @param path without the query, as it stood in the request line. */
export function pathProblem(path: string): string | null {
  if (!path.startsWith('/')) return 'it does not begin with a slash'
  if (path.length > MAX_PATH) return 'it is too long'
  if (path.includes('%')) return 'it has a percent-encoded character, which names here never need'
  const segments = path.slice(1).split('/')
  // One slash at the end is how some non-resource paths are written (/logs/); the server drops it.
  if (segments.at(-1) === '') segments.pop()
  for (const segment of segments) {
    if (segment === '') return 'it has an empty segment'
    if (segment === '.' || segment === '..') return 'it has a dot segment'
    if (!SEGMENT.test(segment)) return 'it has a character that names never have'
  }
  return null
}
