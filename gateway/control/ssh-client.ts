// What this machine's ssh knows.
import { spawnSync } from 'node:child_process'

let answer: boolean | null = null

/**
 * Whether ssh warns of keys that a quantum computer could find (OpenSSH 10.1), and so knows the setting that makes it quiet. Older ones take it
 * for a mistake, and telling them to ignore it (`IgnoreUnknown`) would replace what the user's own configuration says there.
 */
export function warnsOfWeakCrypto(): boolean {
  answer ??= spawnSync('ssh', ['-G', '-F', 'none', '-o', 'WarnWeakCrypto=no', 'localhost'], { stdio: 'ignore' }).status === 0
  return answer
}
