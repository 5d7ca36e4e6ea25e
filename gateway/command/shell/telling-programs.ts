// Mighty programs that are only asked for what they know, and programs that let whoever sits at the terminal run others.
import { areKnown } from './behaviour.ts'
import type { Argument } from './behaviour.ts'

/** Words after which a program that could run anything only tells something: nothing in them names a file to write, or code to run. */
const TELLS: Readonly<Record<string, RegExp>> = {
  docker:
    /^(?:ps|images|version|info|inspect|logs|port|diff|history|top|stats --no-stream|network ls|volume ls|container ls|image ls|compose (?:ps|logs|version|images|top|ls))(?: (?:-a|-q|-n|--all|--quiet|--no-trunc|--tail=\d+|--since=\w+|--tail|--since|--timestamps|-t|[A-Za-z0-9][\w.:/-]*))*$/,
  crontab: /^-l$/,
  dpkg: /^(?:-l|-L|-s|--list|--status|--listfiles)(?: [a-z0-9][\w.+:*-]*)*$/,
  rpm: /^-q[ail]*(?: [A-Za-z0-9][\w.+-]*)*$/,
  apt: /^list(?: --(?:installed|upgradable))?(?: [a-z0-9][\w.+:*-]*)*$/,
  snap: /^(?:list|version)$/,
  pip: /^(?:list|freeze|show [A-Za-z0-9][\w.-]*)$/,
  npm: /^(?:--version|-v)$/,
  go: /^version$/,
  openssl: /^version(?: -a)?$/,
  'ssh-add': /^-[lL]$/,
  helm: /^(?:list|ls|status|history|get \w+|version)(?: (?:-n|--namespace|-A|-a|[a-z0-9][\w.-]*))*$/,
  bundle: /^(?:list|check|version)$/,
  gpg: /^(?:-k|-K|--list-keys|--list-secret-keys)$/,
}
const TELLS_AS: Readonly<Record<string, string>> = { podman: 'docker', nerdctl: 'docker', pip3: 'pip' }

/** True when an interpreter, or a program as mighty as one, is only asked for what it knows. */
export function onlyTells(name: string, args: readonly Argument[]): boolean {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '--help')) return true
  const known = TELLS[TELLS_AS[name] ?? name]
  return known !== undefined && areKnown(args) && known.test((known === TELLS['docker'] ? withoutTemplates(args) : args).join(' '))
}

/** After the command, how docker shows things and which of them: templates and filters, which run nothing. */
function withoutTemplates(args: readonly string[]): readonly string[] {
  const [command = '', ...more] = args
  const isValue = (at: number): boolean => /^(?:--format|--filter|-f)$/.test(more[at - 1] ?? '')
  const isLogs = command === 'logs' || command === 'compose'
  return isLogs ? args : [command, ...more.filter((arg, at) => !isValue(at) && !/^(?:--format|--filter)(?:=.*)?$|^-f$/s.test(arg))]
}

/** Programs that open a pager on a terminal, and a pager runs what is typed. By the words that do so; null = whatever the words. */
const PAGERS: Readonly<Record<string, RegExp | null>> = {
  git: null,
  man: null,
  less: null,
  more: null,
  most: null,
  journalctl: null,
  systemctl: /^(?:(?!restart\b|start\b|stop\b|reload\b|try-restart\b|is-active\b|is-enabled\b|is-failed\b|daemon-reload\b))/,
  loginctl: null,
  timedatectl: null,
  hostnamectl: null,
  localectl: null,
  resolvectl: null,
  networkctl: null,
  machinectl: null,
  coredumpctl: null,
  'systemd-analyze': null,
  dpkg: null,
  psql: null,
  mysql: null,
  sqlite3: null,
  aws: null,
  gh: null,
  bat: null,
  delta: null,
  top: null,
  htop: null,
  nmtui: null,
  info: null,
}

/** Whether the program lets its user run others from the keyboard, when it has a terminal. */
export function opensPager(argv: readonly string[]): boolean {
  const [program = '', ...args] = argv
  const name = program.slice(program.lastIndexOf('/') + 1)
  if (!Object.hasOwn(PAGERS, name) || args.includes('--no-pager')) return false
  return PAGERS[name]?.test(args.join(' ')) ?? true
}
