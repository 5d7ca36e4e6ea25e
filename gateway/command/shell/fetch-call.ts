// curl and wget: a look at an address is harmless, a file it writes is a write of that path. Every option that is not listed is a doubt.
import { areKnown, doubt, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'

interface Options {
  /** Letters that stand alone, and letters with a value. */
  readonly alone: string
  readonly valued: string
  readonly longAlone: readonly string[]
  readonly longValued: readonly string[]
}

const words = (text: string): readonly string[] => text.split(/\s+/)

const CURL: Options = {
  alone: 'sSfLIivNgk46q#jlGZ012',
  valued: 'mAebryYzow',
  longAlone: words(
    `silent show-error fail fail-with-body location head include verbose no-buffer globoff insecure ipv4 ipv6 compressed get retry-connrefused
    retry-all-errors no-progress-meter http1.0 http1.1 http2 tlsv1.2 tlsv1.3 version help disable no-keepalive`,
  ),
  longValued: words(
    'max-time connect-timeout retry retry-delay retry-max-time user-agent referer range url resolve output write-out cacert',
  ),
}
const WGET: Options = {
  alone: 'qvS46',
  valued: 'OTtwU',
  longAlone: words(
    'quiet verbose no-verbose spider server-response no-check-certificate inet4-only inet6-only https-only version help no-hsts',
  ),
  longValued: words(
    'output-document timeout tries wait user-agent connect-timeout read-timeout dns-timeout waitretry max-redirect ca-certificate',
  ),
}

export function readCurl(args: readonly Argument[]): Behaviour {
  const found = readOptions('curl', args, CURL)
  if (typeof found === 'string') return doubt(found)
  // %output{FILE} writes, @FILE holds a format.
  if (found.some(([name, value]) => /^w$|^write-out$/.test(name) && /^@|%output\{/.test(value))) {
    return doubt('curl with a format that can write')
  }
  return writing(found.flatMap(([name, value]) => (/^o$|^output$/.test(name) ? [value] : [])))
}

export function readWget(args: readonly Argument[]): Behaviour {
  if (args.length === 1 && args[0] === '--version') return plain
  const found = readOptions('wget', args, WGET)
  if (typeof found === 'string') return doubt(found)
  const files = found.flatMap(([name, value]) => (/^O$|^output-document$/.test(name) ? [value] : []))
  return files.length === 0 && !args.includes('--spider') ? doubt('wget writes files whose names are not in the line') : writing(files)
}

function writing(files: readonly string[]): Behaviour {
  // #1 stands for a part of the address.
  if (files.some(file => file.includes('#'))) return doubt('curl into a file whose name is made of its address')
  const paths = files.filter(file => file !== '-')
  return paths.length === 0 ? plain : { kind: 'writes', paths }
}

/** Options with their values, in order; or the words of a doubt. */
function readOptions(
  program: string,
  args: readonly Argument[],
  { alone, valued, longAlone, longValued }: Options,
): readonly (readonly [name: string, value: string])[] | string {
  if (!areKnown(args)) return `arguments of ${program} that are not known`
  const found: (readonly [string, string])[] = []
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? ''
    if (arg === '--') break
    if (arg.startsWith('--')) {
      const [name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(arg)?.slice(1) ?? []
      if (longValued.includes(name)) found.push([name, value ?? args[(at += 1)] ?? ''])
      else if (!longAlone.includes(name) || value !== undefined) return `${program} with --${name}, which is not known here`
    } else if (arg.startsWith('-') && arg !== '-') {
      for (let next = 1; next < arg.length; next += 1) {
        const letter = arg[next] ?? ''
        if (valued.includes(letter)) {
          found.push([letter, next + 1 < arg.length ? arg.slice(next + 1) : (args[(at += 1)] ?? '')])
          break
        }
        if (!alone.includes(letter) && !(program === 'wget' && arg === '-nv')) return `${program} with -${letter}, which is not known here`
      }
    }
  }
  return found
}
