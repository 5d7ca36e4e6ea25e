import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StoredEvent } from '../../gateway/record/stored-event.ts'
import { textTable } from '../../gateway/record/text-table.ts'
import { Transcript } from '../../gateway/record/transcript.ts'

describe('a table of rows', () => {
  it('is printed as psql prints it', () => {
    const rows = [
      ['1', 'a', null],
      ['-20', 'two\nlines', '3.5'],
    ]
    assert.equal(
      textTable(['id', 'long name', 'n'], rows),
      [' id  | long name |  n', '-----+-----------+-----', '   1 | a         |', ' -20 | two      +| 3.5', '     | lines     |', ''].join(
        '\n',
      ),
    )
  })

  it('keeps its columns with wide and combining characters', () => {
    assert.equal(textTable(['a', 'b'], [['中文', 'e\u0301']]), ['  a   | b', '------+---', ' 中文 | e\u0301', ''].join('\n'))
  })

  it('shows what cannot be seen, so that no value moves the cursor', () => {
    assert.equal(textTable(['x'], [['\u001b[2J']]), ['      x', '-------------', ' ⟦U+001B⟧[2J', ''].join('\n'))
  })

  it('has a heading even without rows or columns', () => {
    assert.equal(textTable(['x'], []), ' x\n---\n')
    assert.equal(textTable([], []), '--\n')
  })
})

describe('a transcript', () => {
  it('prompts as the client of each protocol would', () => {
    const transcript = new Transcript()
    const told = [
      event({ kind: 'session.open', session: 's-1', connection: 'orders-db', protocol: 'postgres', user: 'ci', client: 'psql' }),
      event({ kind: 'command', session: 's-1', command: 1, connection: 'orders-db', text: 'SELECT 1,\n2', values: ['a', null] }),
      event({ kind: 'session.open', session: 's-2', connection: 'web', protocol: 'ssh', user: 'deploy', client: 'OpenSSH' }),
      event({ kind: 'command', session: 's-2', command: 2, connection: 'web', text: 'uptime' }),
      event({ kind: 'result', session: 's-1', command: 1, tag: 'SELECT 1', durationMs: 1.5 }),
    ].map(each => transcript.tell(each))
    assert.equal(
      told.join(''),
      [
        '',
        '-- session s-1: orders-db (postgres) as ci, psql',
        'orders-db=> SELECT 1,',
        'orders-db-> 2',
        "-- $1 = 'a', $2 = NULL",
        '',
        '-- session s-2: web (ssh) as deploy, OpenSSH',
        'web$ uptime',
        '',
        '-- session s-1',
        '-- of command 1',
        'SELECT 1',
        'Time: 1.500 ms',
        '',
      ].join('\n'),
    )
  })

  it('lets no text of the run start a line of its own or reach the terminal', () => {
    const transcript = new Transcript()
    const evil = 'x\n-- closed\r\u001b[2J\u202e'
    const members = [
      'connection',
      'text',
      'rule',
      'because',
      'code',
      'message',
      'tag',
      'reason',
      'approvers',
      'where',
      'until',
      'path',
      'operation',
      'column',
      'client',
      'user',
    ]
    const hostile = Object.fromEntries(members.map(name => [name, evil]))
    for (const kind of [
      'session.open',
      'command',
      'decision',
      'ask',
      'answer',
      'rows',
      'result',
      'mask',
      'file',
      'error',
      'session.close',
      'other',
    ])
      for (const outcome of ['allow', 'ask', 'deny', 'approved']) {
        const told = transcript.tell(
          event({
            ...hostile,
            kind,
            outcome,
            by: [{ login: evil, at: evil, evidence: evil }],
            columns: [evil],
            rows: [[evil]],
            values: [evil],
          }),
        )
        // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
        assert.doesNotMatch(told, /[\r\u001b\u202e]/, kind)
        assert.doesNotMatch(told, /^-- closed/m, kind)
      }
  })
})

function event(members: Record<string, unknown>): StoredEvent {
  return { seq: 1, at: '2026-01-02T03:04:05.000Z', ms: 0, session: 's-1', kind: '', ...members }
}
