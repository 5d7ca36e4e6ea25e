// A command as a person writes it for `policy explain` and `policy test`, read the way the gateway would read it. Asks no server.
import { readKubernetesRequest } from '../gateway/command/kubernetes/kubernetes-command.ts'
import { assumedCatalog } from '../gateway/command/sql/catalog.ts'
import { loadSqlParser } from '../gateway/command/sql/parser.ts'
import { readSql } from '../gateway/command/sql/read-sql.ts'
import { readExec } from '../gateway/command/ssh/exec-command.ts'
import { fileCommand } from '../gateway/command/ssh/file-command.ts'
import { borrowedCommand, forwardCommand, readSocketForward, readTcpForward } from '../gateway/command/ssh/forward-command.ts'
import { shellCommand } from '../gateway/command/ssh/shell-command.ts'
import type { Command } from '../gateway/core/command.ts'
import { SallyportError } from '../gateway/core/errors.ts'
import type { ConnectionEntry } from '../gateway/policy/policy-file.ts'
import { requestLine } from './request-line.ts'

/**
 * The commands of a text:
 * - postgres: SQL, as it is read when every relation is a plain table
 * - ssh: a command line; what is no command line: `sftp:OPERATION PATH…`, `shell:`, `agent:`, `x11:`, `forward:HOST:PORT`, `forward:/SOCKET`,
 *   and `forward:listen ADDRESS:PORT` or `forward:listen /SOCKET` for what the target opens for the client
 * - kubernetes: `METHOD /path?query`, or `VERB RESOURCE [NAME] [-n NAMESPACE] [-- ARGV…]` with the words of `kubectl auth can-i`
 *
 * @throws {SallyportError} USAGE when the text holds no command, or one that is refused before any rule is read.
 */
export async function readCommands(entry: ConnectionEntry, text: string): Promise<readonly Command[]> {
  switch (entry.connection.protocol) {
    case 'postgres':
      return readStatements(entry, text)
    case 'ssh':
      return readSsh(text.trim())
    case 'kubernetes':
      return readRequest(text.trim())
  }
}

async function readStatements(entry: ConnectionEntry, text: string): Promise<readonly Command[]> {
  await loadSqlParser()
  const statements = readSql(Buffer.from(text, 'utf8'), {
    catalog: assumedCatalog,
    searchPath: ['public'],
    trustedFunctions: entry.trustedFunctions,
    standardConformingStrings: true,
    isUtf8: true,
    prepared: new Map(),
    cursors: new Map(),
  })
  if (statements.length === 0) throw new SallyportError('USAGE', 'the text holds no command')
  return statements.map(statement => statement.command)
}

function readSsh(text: string): readonly Command[] {
  if (text === 'shell:') return [shellCommand()]
  if (text === 'agent:' || text === 'x11:') return [borrowedCommand(text === 'agent:' ? 'agent' : 'x11')]
  const [, kind, words = ''] = /^(sftp|forward):(.+)$/s.exec(text) ?? []
  if (kind === 'forward') return [readForward(words)]
  if (kind === 'sftp') {
    const [operation = '', ...paths] = words.split(' ')
    if (paths.length === 0)
      throw new SallyportError('USAGE', `${text} names no path`, { fix: 'write sftp:OPERATION PATH, such as sftp:write /srv/app/x' })
    return [fileCommand(operation, paths)]
  }
  const reading = readExec(text)
  switch (reading.kind) {
    case 'commands':
      return reading.commands
    case 'refused':
      throw new SallyportError('USAGE', `refused before any rule: ${reading.reason}`)
    case 'sftp':
      throw new SallyportError('USAGE', 'the file server is not judged as a program: each of its operations is', {
        fix: 'write sftp:OPERATION PATH, such as sftp:write /srv/app/x',
      })
  }
}

function readForward(words: string): Command {
  const [, listen, place = ''] = /^(listen )?(.*)$/s.exec(words) ?? []
  const [, host = '', port] = /^(.*):(\d{1,5})$/.exec(place) ?? []
  const forward = place.startsWith('/')
    ? readSocketForward(listen === undefined ? 'unix' : 'unix-listen', place)
    : readTcpForward(listen === undefined ? 'tcp' : 'tcp-listen', host, port === undefined ? -1 : Number(port))
  if (forward === null) {
    throw new SallyportError('USAGE', `forward:${words} is not HOST:PORT and not the plain path of a socket`, {
      fix: 'write forward:db.internal:5432, forward:/run/app.sock or forward:listen localhost:8080',
    })
  }
  return forwardCommand(forward)
}

function readRequest(text: string): readonly Command[] {
  const [, method, target] = /^([A-Z]+) (\/\S*)$/.exec(text) ?? []
  const line = method === undefined || target === undefined ? requestLine(text) : { method, target }
  const reading = readKubernetesRequest({ ...line, body: null })
  switch (reading.kind) {
    case 'command':
      return [reading.command]
    case 'refused':
      throw new SallyportError('USAGE', `refused before any rule: ${reading.reason}`)
    case 'discovery':
      throw new SallyportError('USAGE', `${text} is what every client must see first; no rule judges it`)
  }
}
