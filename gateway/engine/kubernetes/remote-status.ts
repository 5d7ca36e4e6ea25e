// How a command in a container ended, as its last stream tells: a Status object (v4 and later), or a line of text.

const MAX_WORDS = 300

/** `exit status 3`, or the words of what went wrong. @param bytes all of the status stream; empty = it said nothing. */
export function remoteStatus(bytes: Buffer): string | null {
  if (bytes.length === 0) return null
  const text = bytes.toString('utf8').trim()
  const status = parse(text)
  if (status === null) {
    const code = /exit code (\d+)/.exec(text)?.[1]
    return code === undefined ? shortened(text) : `exit status ${code}`
  }
  if (status['status'] === 'Success') return 'exit status 0'
  if (status['reason'] === 'NonZeroExitCode') {
    const causes = fieldsOf(status['details'])?.['causes']
    const cause = Array.isArray(causes) ? causes.map(fieldsOf).find(one => one?.['reason'] === 'ExitCode') : null
    const code = cause?.['message']
    if (typeof code === 'string' && /^\d{1,5}$/.test(code)) return `exit status ${code}`
  }
  const message = status['message']
  return shortened(typeof message === 'string' ? message : 'it failed')
}

/** A Status that says why a stream was ended here. */
export function failedStatus(message: string): Buffer {
  const text = message.startsWith('sallyport') ? message : `sallyport: ${message}`
  return Buffer.from(JSON.stringify({ metadata: {}, status: 'Failure', message: text, reason: 'InternalError' }))
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return fieldsOf(JSON.parse(text))
  } catch {
    return null
  }
}

function fieldsOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}

function shortened(text: string): string {
  return text.length > MAX_WORDS ? `${text.slice(0, MAX_WORDS)}…` : text
}
