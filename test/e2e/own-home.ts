// OpenSSH takes the home of the password database, not $HOME: for tests whose runs must not meet others in it, a folder is laid over it,
// seen by one program and what it starts. Needs root, as the other tests with a view of their own do.
import os from 'node:os'

/** What to start so that `program` has `home` for its user's home. */
export function inOwnHome(home: string, program: string, args: readonly string[]): readonly [string, readonly string[]] {
  const lay = `mount --make-rprivate / && mount --bind '${home}' '${os.userInfo().homedir}' && exec "$@"`
  return ['unshare', ['--mount', 'sh', '-c', lay, 'sh', program, ...args]]
}
