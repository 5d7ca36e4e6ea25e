import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { pagePart, readParts, withoutParts } from '../../gateway/record/page-parts.ts'

describe('the files inside a page', () => {
  it('are read however large they are: a log of 32 MiB that hardly packs', () => {
    const packed = randomBytes(24 * 1024 * 1024).toString('base64')
    const page = `<p>before</p>\n${pagePart('events.jsonl', packed)}${pagePart('checkpoint', 'eA==')}<p>after</p>\n`
    const parts = readParts(page)
    assert.deepEqual([...(parts?.keys() ?? [])], ['events.jsonl', 'checkpoint'])
    assert.ok(parts?.get('events.jsonl') === packed)
    assert.equal(withoutParts(page), `<p>before</p>\n${pagePart('events.jsonl', '')}${pagePart('checkpoint', '')}<p>after</p>\n`)
  })

  it('are none where anything but base64 stands, or where a name comes twice', () => {
    assert.equal(readParts(pagePart('checkpoint', 'eA== <p>'))?.size, 0)
    assert.equal(withoutParts(pagePart('checkpoint', '<p>x</p>')), pagePart('checkpoint', '<p>x</p>'))
    assert.equal(readParts(pagePart('checkpoint', 'eA==').repeat(2)), null)
  })
})
