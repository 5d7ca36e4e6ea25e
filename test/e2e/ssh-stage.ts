// A stage for ssh through `sallyport exec`: a real sshd, an issuer, and the built cli.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { turnAt } from '../../world/claim.ts'
import { startIssuer } from '../../world/issuer/issuer.ts'
import { startSshd, type SshServer } from '../../world/sshd/server.ts'
import { root, run, type Ran } from './exec-stage.ts'

/** The built cli; another build of it can be tried by SALLYPORT_DIST. */
export const cli = path.join(process.env['SALLYPORT_DIST'] ?? path.join(root, 'dist'), 'cli.mjs')

export interface SshStage {
  readonly sshd: SshServer
  readonly dir: string
  /** A configuration for clients that reaches the target directly, under the name `direct`. */
  readonly directConfig: string
  /** `sallyport exec` with these rules, recording into `rec`. */
  exec(command: readonly string[], rules: string, more?: string): Promise<Ran>
  close(): Promise<void>
}

/**
 * Opens the stage, when its turn has come: runs of one user share a configuration of ssh, and tests look at all of it.
 * @param name of the connection
 */
export async function openSshStage(name = 'web', address = '127.0.0.1'): Promise<SshStage> {
  const leave = await turnAt('ssh-config')
  const starting = Promise.all([startSshd({ settings: ['ListenAddress 127.0.0.2'] }), startIssuer()])
  const [sshd, issuer] = await starting.catch((error: unknown) => {
    leave()
    throw error
  })
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sallyport-ssh-e2e-'))
  writeFileSync(path.join(sshd.dir, 'known'), `target ${sshd.hostKey}\n`)
  const directConfig = path.join(sshd.dir, 'client_config')
  writeFileSync(
    directConfig,
    `Host direct\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${sshd.user}\n  IdentityFile ${sshd.dir}/login\n  IdentitiesOnly yes\n  HostKeyAlias target\n  UserKnownHostsFile ${sshd.dir}/known\n  LogLevel ERROR\n`,
  )
  return {
    sshd,
    dir,
    directConfig,
    exec(command, rules, more = '') {
      const config = path.join(dir, 'sallyport.yml')
      const recording = path.join(dir, 'rec')
      rmSync(recording, { recursive: true, force: true })
      writeFileSync(
        config,
        `version: 1
issuers: { github: { url: "${issuer.url}", audience: sallyport } }
groups: { shop: { issuer: github, when: 'claims.repository == "acme/shop"' } }
connections:
  ${name}: { protocol: ssh, address: "${address}:${sshd.port}", user: ${sshd.user}, host-keys: ["${sshd.fingerprint}"], credential: "env://WEB_KEY", groups: [shop] }
rules:
${rules}
${more}`,
      )
      const token = path.join(dir, 'token')
      writeFileSync(token, issuer.mint({ aud: 'sallyport', repository: 'acme/shop', event_name: 'push' }))
      const args = ['exec', '--config', config, '--token-file', token, '--out', recording, '--', ...command]
      return run(process.execPath, [cli, ...args], dir, { WEB_KEY: sshd.privateKey })
    },
    async close() {
      await Promise.all([sshd.stop(), issuer.stop()])
      rmSync(dir, { recursive: true, force: true })
      leave()
    },
  }
}
