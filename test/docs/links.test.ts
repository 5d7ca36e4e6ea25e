// Every link of the documentation leads somewhere: to a file that exists, and to a heading or anchor in it.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'

const root = path.resolve(import.meta.dirname, '../..')
const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(name => `docs/${name}`),
].filter(name => name.endsWith('.md') && existsSync(path.join(root, name)))

describe('the documentation', () => {
  for (const page of pages) {
    it(`${page} links only to what is there`, () => {
      const text = readFileSync(path.join(root, page), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue
        const [file = '', anchor] = target.split('#')
        const at = file === '' ? path.join(root, page) : path.resolve(root, path.dirname(page), file)
        assert.ok(existsSync(at), `${page} links to ${target}`)
        if (anchor !== undefined && at.endsWith('.md'))
          assert.ok(anchorsOf(readFileSync(at, 'utf8')).has(anchor), `${page} links to ${target}`)
      }
    })
  }

  it('names no command that does not exist', () => {
    const scripts = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts
    for (const page of pages) {
      const text = readFileSync(path.join(root, page), 'utf8')
      for (const [, script = ''] of text.matchAll(/\bnpm run ([a-z][a-z0-9:-]*)/g))
        assert.ok(Object.hasOwn(scripts, script), `${page} names npm run ${script}`)
    }
  })
})

/** GitHub's anchors of headings, and explicit ones. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, words = '']) =>
    words
      .toLowerCase()
      .replaceAll(/[`*]/g, '')
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
  const explicit = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)
  return new Set([...headings, ...explicit])
}
