// Programs that clients start on the other side to copy files: what they will do to which paths. By scp(1) -t and -f, rsync's --server,
// git-upload-pack(1), git-receive-pack(1). An option that is not known makes it a doubt, not a guess.

export type FileServer =
  | {
      readonly kind: 'files'
      readonly operations: readonly { readonly operation: 'read' | 'write' | 'delete'; readonly paths: readonly string[] }[]
    }
  | { readonly kind: 'sftp' }
  | { readonly kind: 'doubt'; readonly reason: string }

/** null when the program is none of them. */
export function readFileServer(argv: readonly string[]): FileServer | null {
  const [program = '', ...args] = argv
  switch (program.slice(program.lastIndexOf('/') + 1)) {
    case 'scp':
      return readScp(args)
    case 'rsync':
      return args[0] === '--server' ? readRsync(args.slice(1)) : null
    case 'git-upload-pack':
    case 'git-upload-archive':
      return readGit(args, 'read')
    case 'git-receive-pack':
      return readGit(args, 'write')
    case 'sftp-server':
      // -d changes where relative paths begin, and others change what is logged or refused: none of them widens what it does.
      return args.length === 0 ? { kind: 'sftp' } : { kind: 'doubt', reason: 'sftp-server with options' }
    default:
      return null
  }
}

function files(operation: 'read' | 'write', paths: readonly string[]): FileServer {
  return { kind: 'files', operations: [{ operation, paths }] }
}

function readScp(args: readonly string[]): FileServer | null {
  const end = args.findIndex(arg => !/^-[a-zA-Z]+$/.test(arg))
  const options = end === -1 ? args : args.slice(0, end)
  const paths = end === -1 ? [] : args.slice(args[end] === '--' ? end + 1 : end)
  const letters = options.flatMap(option => Array.from(option.slice(1)))
  const isSink = letters.includes('t')
  if (!isSink && !letters.includes('f')) return null
  if (letters.some(letter => !'tfrpdqv'.includes(letter)) || paths.length === 0 || paths.some(path => path.startsWith('-'))) {
    return { kind: 'doubt', reason: 'scp as a server with options that are not known' }
  }
  return files(isSink ? 'write' : 'read', paths)
}

const RSYNC_FLAGS =
  /^--(?:sender|delete(?:-before|-during|-delay|-after|-excluded|-missing-args)?|force|partial|inplace|append(?:-verify)?|checksum|numeric-ids|ignore-times|size-only|existing|ignore-existing|dirs|no-[a-z-]+|stats|bwlimit=\d+|timeout=\d+|modify-window=-?\d+|compress-level=\d+|max-size=\d+|min-size=\d+|log-format=[%a-z]+|skip-compress=[\w/]+|specials|links|times|perms|fuzzy|delay-updates|ignore-errors|max-delete=\d+|omit-dir-times|omit-link-times|new-compress|old-compress|zl=\d+|safe-links|copy-unsafe-links|munge-links|super|prune-empty-dirs|update|open-noatime|mkpath|list-only|block-size=\d+|compress-choice=\w+|checksum-choice=[\w,]+|iconv=[\w.,-]+)$/

/** `--server [--sender] -flags [--options] . PATH…`, as the other rsync writes it. */
function readRsync(args: readonly string[]): FileServer {
  const dot = args.indexOf('.')
  const options = dot === -1 ? args : args.slice(0, dot)
  const paths = dot === -1 ? [] : args.slice(dot + 1)
  // Letters, and after `e.` what the other side is able to do. After -s paths and options come by its input.
  const unknown = options.find(option => !/^-[a-df-rt-zA-Z]*(?:e(?:\d+)?\.[A-Za-z]*)?$/.test(option) && !RSYNC_FLAGS.test(option))
  if (unknown !== undefined)
    return { kind: 'doubt', reason: `rsync as a server with ${unknown.split('=')[0] ?? ''}, which is not known here` }
  if (paths.length === 0 || paths.some(path => path.startsWith('-'))) return { kind: 'doubt', reason: 'rsync as a server without a path' }
  if (options.includes('--sender')) {
    if (options.includes('--remove-source-files')) return { kind: 'doubt', reason: 'rsync as a server that removes what it sends' }
    return files('read', paths)
  }
  const operations: { operation: 'write' | 'delete'; paths: readonly string[] }[] = [{ operation: 'write', paths }]
  if (options.some(option => /^--(?:delete|force|max-delete)/.test(option))) operations.push({ operation: 'delete', paths })
  return { kind: 'files', operations }
}

function readGit(args: readonly string[], operation: 'read' | 'write'): FileServer {
  const [path, more] = args.filter(arg => !['--strict', '--no-strict', '--stateless-rpc'].includes(arg) && !/^--timeout=\d+$/.test(arg))
  if (path === undefined || more !== undefined || path.startsWith('-'))
    return { kind: 'doubt', reason: 'a git server with options that are not known' }
  return files(operation, [path])
}
