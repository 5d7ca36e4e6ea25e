// Keys that live as long as the run and only in this process: the gateway's own host key, the client's key, the key that is certified.
// The client's private half is its ticket in another form: it opens this connection's door and nothing else.
import ssh2 from 'ssh2'
import type { ParsedKey } from 'ssh2'
import { SallyportError } from '../../core/errors.ts'

export interface SshRunKeys {
  /** OpenSSH private key of this door. */
  readonly hostKey: string
  /** Public half as a line of known_hosts has it, without the host. */
  readonly hostPublic: string
  /** OpenSSH private key for the job's clients. */
  readonly clientKey: string
  readonly clientPublic: ParsedKey
  /** OpenSSH public key that a source certifies for the login on the target. */
  readonly loginPublic: string
  readonly loginKey: string
}

/** New keys for one connection of one run. */
export function createSshRunKeys(): SshRunKeys {
  const [host, client, login] = [newPair(), newPair(), newPair()]
  return {
    hostKey: host.private,
    hostPublic: host.public,
    clientKey: client.private,
    clientPublic: parseKey(client.public),
    loginPublic: login.public,
    loginKey: login.private,
  }
}

/** @throws {SallyportError} CREDENTIAL_UNAVAILABLE for a text that is no key, or a locked one; never with a part of it. */
export function parseKey(text: string | Buffer): ParsedKey {
  const parsed = ssh2.utils.parseKey(text)
  if (!(parsed instanceof Error)) return parsed
  throw new SallyportError('CREDENTIAL_UNAVAILABLE', 'the ssh key cannot be read', {
    why: 'it is not a private key of a known format, or it has a passphrase',
    fix: 'store an OpenSSH or PEM key without a passphrase',
  })
}

function newPair(): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519')
    // The library drops a leading zero of the public half: one key in 256 cannot be read by anybody.
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair
  }
}
