// The log of a job: workflow commands are taken out of what steps print, and masked values out of what is kept.

export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice'
  readonly title: string
  readonly message: string
}

export interface JobLog {
  /** Hides a value from here on. */
  mask(value: string): void
  /** Takes one line that a step printed. */
  take(line: string, annotations: Annotation[]): void
  /** What people see. */
  readonly lines: readonly string[]
  /** What the steps printed, before any mask: what must not hold a credential either. */
  readonly raw: readonly string[]
  readonly masks: ReadonlySet<string>
}

/** An empty log. `listen` gets each line as people see it. */
export function makeJobLog(listen: (line: string) => void): JobLog {
  const lines: string[] = []
  const raw: string[] = []
  const masks = new Set<string>()
  let stopToken: string | null = null
  const print = (line: string): void => {
    const shown = hide(line, masks)
    lines.push(shown)
    listen(shown)
  }
  return {
    lines,
    raw,
    masks,
    mask: value => {
      for (const line of [value, ...value.split(/\r?\n/)]) if (line.trim() !== '') masks.add(line)
    },
    take(line, annotations) {
      raw.push(line)
      const command = readCommand(line)
      if (stopToken !== null) {
        if (command?.name === stopToken) stopToken = null
        else print(line)
        return
      }
      switch (command?.name) {
        case 'add-mask':
          this.mask(command.message)
          return
        case 'stop-commands':
          stopToken = command.message
          return
        case 'error':
        case 'warning':
        case 'notice': {
          const message = hide(command.message, masks)
          annotations.push({ level: command.name, title: command.properties['title'] ?? '', message })
          print(`##[${command.name}]${command.message}`)
          return
        }
        case 'group':
        case 'endgroup':
          print(`##[${command.name}]${command.message}`)
          return
        case 'debug':
          return
        case undefined:
        default:
          print(line)
      }
    },
  }
}

interface Command {
  readonly name: string
  readonly properties: Readonly<Record<string, string>>
  readonly message: string
}

/** `::name key=value,key=value::message`, anywhere behind leading blanks. */
function readCommand(line: string): Command | null {
  const match = /^\s*::([^\s:]+)(?: ([^:]*(?:%3A[^:]*)*))?::(.*)$/.exec(line)
  if (match === null) return null
  const properties = (match[2] ?? '').split(',').flatMap(pair => {
    const at = pair.indexOf('=')
    return at > 0 ? [[pair.slice(0, at).trim(), unescape(pair.slice(at + 1))] as const] : []
  })
  return { name: match[1] ?? '', properties: Object.fromEntries(properties), message: unescape(match[3] ?? '') }
}

function unescape(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%25', '%')
}

/** Longest first, so that a value inside another leaves nothing of the longer one. */
function hide(line: string, masks: ReadonlySet<string>): string {
  return [...masks].toSorted((one, other) => other.length - one.length).reduce((text, value) => text.replaceAll(value, '***'), line)
}
