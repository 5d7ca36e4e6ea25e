// Runs a policy command on a folder of its own, and collects what it says.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Io } from '../../cli/io.ts'

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Writes the files into a new folder, runs, and removes the folder. `fileOf` gives a file's whole name. */
export async function runIn(
  files: Readonly<Record<string, string>>,
  command: (io: Io, fileOf: (name: string) => string) => number | Promise<number>,
): Promise<Ran> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sallyport-policy-'))
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
    let stdout = ''
    let stderr = ''
    const io: Io = {
      stdout: text => {
        stdout += text
      },
      stderr: text => {
        stderr += text
      },
      isTty: false,
      environment: {},
    }
    const status = await command(io, name => path.join(folder, name))
    return { status, stdout: stdout.replaceAll(`${folder}/`, ''), stderr: stderr.replaceAll(`${folder}/`, '') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export const policy = `version: 1
issuers:
  github: { url: https://token.actions.githubusercontent.com, audience: sallyport }
groups:
  release: { issuer: github, when: 'claims.repository_id == "123" && claims.ref == "refs/heads/main"' }
  pulls: { issuer: github, when: 'claims.repository_id == "123" && claims.event_name == "pull_request"' }
connections:
  db: { protocol: postgres, address: db.internal, database: app, credential: env://DB_PASSWORD, groups: [release, pulls] }
  web: { protocol: ssh, address: web.internal, host-keys: ["SHA256:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"], credential: env://KEY, groups: [release] }
rules:
  - { name: reads, on: [db], sql: { effects: [read, session] }, then: allow }
  - { name: writes, on: [db], groups: [release], sql: { effects: [read, write] }, then: allow }
  - { name: unfiltered, sql: { unfiltered: true }, then: ask, because: Touches every row. }
  - { name: no-ddl, on: [db], sql: { effects: [ddl] }, then: deny, because: Ask the DBA. }
  - { name: restarts, on: [web], ssh: { requests: [exec] }, then: allow }
approvers:
  dba: { users: [dana] }
`

export const release = JSON.stringify({
  iss: 'https://token.actions.githubusercontent.com',
  sub: 'repo:acme/shop',
  repository_id: '123',
  ref: 'refs/heads/main',
})
export const pull = JSON.stringify({ repository_id: '123', event_name: 'pull_request', ref: 'refs/pull/1/merge' })
