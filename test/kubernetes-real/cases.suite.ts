// The cases of `npm run cases -- kubernetes` that need a real API server, as tests: attributes as in its audit log, no trace of what is hostile.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { kubernetesParts } from '../../world/kubernetes/api-server.ts'
import type { CaseRow } from '../cases/case-row.ts'
import { serverRowsOf } from '../cases/kubernetes.ts'
import { ownServerRows, playAgainstServer } from '../cases/kubernetes-server.ts'

describe('requests judged as a real API server reads them', () => {
  const theirs = serverRowsOf(path.join(import.meta.dirname, '../cases/k8s-requests.jsonl'))
  const rows = [...theirs, ...ownServerRows()]
  const played = new Map<string, CaseRow>()
  before(async () => {
    for (const row of await playAgainstServer(kubernetesParts() ?? '', rows)) played.set(row.id, row)
  })

  for (const { id } of rows) {
    it(id, () => {
      const row = played.get(`${id}/real`)
      assert.equal(row?.got, row?.expected, row?.note)
      assert.ok(row !== undefined)
    })
  }

  it('are all of the file, and 80 of our own at least', () => {
    const lines = readFileSync(path.join(import.meta.dirname, '../cases/k8s-requests.jsonl'), 'utf8')
      .trim()
      .split('\n')
    assert.equal(theirs.length, lines.length)
    assert.ok(rows.length >= theirs.length + 80)
    assert.equal(played.size, rows.length)
  })
})
