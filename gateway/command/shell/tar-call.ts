// tar: what it packs or unpacks is its business; options by which it runs others are not, however they are written.
import { areKnown, doubt, mayMean, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'

/** A list of files (-T) may hold options. */
const RUNNING = [
  'to-command',
  'use-compress-program',
  'checkpoint-action',
  'rsh-command',
  'rmt-command',
  'info-script',
  'new-volume-script',
  'files-from',
  'remove-files',
]
const VALUED = 'bCfgHKLNVX'

export function readTar(args: readonly Argument[]): Behaviour {
  if (!areKnown(args)) return doubt('arguments of tar that are not known')
  const archives: string[] = []
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? ''
    if (arg === '--') break
    if (arg.startsWith('--')) {
      if (mayMean(arg, RUNNING, ['file', 'checkpoint'])) return doubt(`tar with ${arg.split('=')[0] ?? ''} can run programs`)
      const [name = '', value] = arg.split('=', 2)
      if ('--file'.startsWith(name) && name.length > 2) archives.push(value ?? args[(at += 1)] ?? '')
      continue
    }
    // The first word may be letters without a dash; their values follow in the order of the letters.
    const isOld = at === 0 && !arg.startsWith('-')
    if (!isOld && !arg.startsWith('-')) continue
    const letters = isOld ? arg : arg.slice(1)
    for (let next = 0; next < letters.length; next += 1) {
      const letter = letters[next] ?? ''
      if ('IFT'.includes(letter)) return doubt(`tar with -${letter} can run programs`)
      if (!VALUED.includes(letter)) continue
      const attached = isOld ? '' : letters.slice(next + 1)
      const value = attached === '' ? (args[(at += 1)] ?? '') : attached
      if (letter === 'f') archives.push(value)
      if (!isOld) break
    }
  }
  // HOST:FILE is reached by rsh or ssh.
  if (archives.some(archive => /^[^/]*:/.test(archive)) && !args.includes('--force-local'))
    return doubt('tar with an archive on another host')
  return plain
}
