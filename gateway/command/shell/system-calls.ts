// Tools of a system that look or change by their words. What is listed is a look; of systemctl, what takes the whole machine is a doubt.
import { areKnown, doubt, plain } from './behaviour.ts'
import type { Argument, Behaviour } from './behaviour.ts'

type Read = (args: readonly Argument[]) => Behaviour

/** Doubted unless every argument matches. */
function only(pattern: RegExp, what: string): Read {
  return args =>
    areKnown(args) && args.every(arg => pattern.test(arg))
      ? plain
      : doubt(`${what} with words by which it changes something, or that are not known here`)
}

/** Doubted with an argument that matches. */
function not(pattern: RegExp, what: string): Read {
  return args =>
    areKnown(args) && !args.some(arg => pattern.test(arg)) ? plain : doubt(`${what} with words by which it changes or runs something`)
}

/** Objects and commands of ip may be cut short, so the looks are listed as far as they can be told from changes. */
function readIp(args: readonly Argument[]): Behaviour {
  if (!areKnown(args)) return doubt('arguments of ip that are not known')
  let at = 0
  while (
    /^-(?:[46BM0dhorsijpct]|br(?:ief)?|de(?:tails)?|st(?:ats|atistics)?|j(?:son)?|p(?:retty)?|o(?:neline)?|c(?:olor)?|ts?(?:imestamp)?)$/.test(
      args[at] ?? '',
    )
  )
    at += 1
  const [object = '', verb = 'show', ...rest] = args.slice(at)
  const isLook =
    /^(?:a|addr|address|l|li|link|r|ro|route|rule|n|neigh|neighbour|maddr|mroute|tunnel|netns|ntable|vrf)$/.test(object) &&
    /^(?:show|list|ls|lst|get)$/.test(verb) &&
    rest.every(word => /^[\w.:/@-]+$/.test(word) && !/^(?:exec|vf)$/.test(word))
  return args.length === 1 && /^-V(?:ersion)?$/.test(args[0] ?? '')
    ? plain
    : isLook
      ? plain
      : doubt('ip with words by which it changes or runs something')
}

/** Lists rules, and changes none. */
function readFirewall(args: readonly Argument[]): Behaviour {
  if (!areKnown(args)) return doubt('arguments of iptables that are not known')
  let lists = false
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? ''
    if (/^(?:-t|--table)$/.test(arg)) at += 1
    else if (/^-[nvx]*[LS][nvx]*$|^--list(?:-rules)?$/.test(arg)) lists = true
    else if (!/^-[nvx]+$|^--(?:numeric|verbose|exact|line-numbers|table=\w+)$|^[A-Z][\w-]*$|^\d+$/.test(arg))
      return doubt(`iptables with ${arg}`)
  }
  return lists ? plain : doubt('iptables with words by which it changes rules')
}

/** States of the whole machine, as commands and as units; and a shell for whoever sits at it. */
const WHOLE =
  /^(?:systemd-)?(?:poweroff|reboot|halt|kexec|soft-reboot|shutdown|suspend|hibernate|hybrid-sleep|suspend-then-hibernate|emergency|rescue|default|isolate|switch-root|exit|ctrl-alt-del|runlevel\d|debug-shell|final|umount|sleep|initrd.*)(?:\.target|\.service)?$/

export const systemReadings: Readonly<Record<string, Read>> = {
  ip: readIp,
  iptables: readFirewall,
  ip6tables: readFirewall,
  systemctl: args => {
    const words = areKnown(args) ? args : []
    // A unit given by its path is linked into the system first.
    const isChange = words.some(
      arg =>
        WHOLE.test(arg) ||
        /^(?:edit|link|set-environment|import-environment|unset-environment|set-default|set-property|bind|mount-image|revert|preset-all|-H.*|-M.*|--(?:ho|ma|roo|im|forc).*)$/.test(
          arg,
        ) ||
        (/^\.?\.?\//.test(arg) && !['status', 'show', 'is-active'].includes(words[0] ?? '')),
    )
    return areKnown(args) && !isChange ? plain : doubt('systemctl with words by which it changes or runs something')
  },
  journalctl: not(/^--(?:v|ro|fl|sy|re|set|sm|up|cu|im|D|dir|fi|root|ima)/, 'journalctl'),
  hostname: only(/^(?:-[sfdiIAy]+|--(?:short|fqdn|long|domain|ip-address|all-ip-addresses|all-fqdns|version))$/, 'hostname'),
  hostnamectl: only(/^(?:status|--(?:static|pretty|transient|no-pager|json=\w+))$/, 'hostnamectl'),
  timedatectl: only(/^(?:status|show|list-timezones|timesync-status|--(?:all|no-pager|value|property=\w+)|-p|\w+)$/, 'timedatectl'),
  dmesg: not(/^-[A-Za-z]*[CcDEn]|^--(?:cl|read-cl|console)/, 'dmesg'),
  sysctl: not(/=|^-[A-Za-z]*[wpf]|^--(?:w|l|s)/, 'sysctl'),
  ss: not(/^-[A-Za-z0-9]*[KDN]|^--(?:k|d|n(?!umeric$))/, 'ss'),
  mount: args => (/^(?:-l)?(?:-t [a-z0-9]+)?$/.test(args.join(' ')) ? plain : doubt('mount changes what a path means')),
  date: args => {
    if (!areKnown(args)) return doubt('arguments of date that are not known')
    for (let at = 0; at < args.length; at += 1) {
      const arg = args[at] ?? ''
      if (/^(?:-[uRI]*[dr]|--date|--reference)$/.test(arg)) at += 1
      else if (
        !/^(?:\+.*|-[uRI]+(?:date|seconds|minutes|hours|ns)?|-[dr].+|--(?:utc|universal|iso-8601|rfc-email|rfc-3339|date|reference|version|help)(?:=.*)?)$/s.test(
          arg,
        )
      )
        return doubt('date with words by which it sets the clock')
    }
    return plain
  },
}
