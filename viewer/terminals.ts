// The terminals of the page: a button where a command has one, a player when it is pressed, and the place in it as a link.
import { readCast } from '../gateway/terminal/cast.ts'
import { button, element } from './elements.ts'
import { unpack } from './self-check.ts'
import { TerminalPlayer } from './terminal-player.ts'

const players = new WeakMap<Element, TerminalPlayer>()

/** Gives every terminal below this element its button. */
export function offerPlayers(below: HTMLElement): void {
  for (const section of below.querySelectorAll<HTMLElement>('.terminal')) {
    if (section.querySelector('.open') !== null || partOf(section) === null) continue
    const open = button('Play terminal', () => void openPlayer(section), 'M4 2.5v11l9-5.5z')
    open.className = 'open'
    open.removeAttribute('aria-label')
    open.append(' Play terminal')
    section.prepend(open)
  }
}

/** @param seconds where to start; null = play from the beginning. */
export async function openPlayer(section: HTMLElement, seconds: number | null = null): Promise<void> {
  const there = players.get(section)
  const player = there ?? (await newPlayer(section))
  if (player === null) return
  player.focus()
  player.element.scrollIntoView({ block: 'nearest' })
  if (seconds !== null) player.seek(seconds)
  else if (there === undefined && !matchMedia('(prefers-reduced-motion: reduce)').matches) player.start()
}

async function newPlayer(section: HTMLElement): Promise<TerminalPlayer | null> {
  const part = partOf(section)
  const cast = part === null ? null : readCast(new TextDecoder().decode(await unpack(part.textContent ?? '')))
  if (cast === null) {
    section.prepend(element('p', 'error', 'This terminal cannot be read.'))
    return null
  }
  const player = new TerminalPlayer(cast)
  players.set(section, player)
  const command = section.closest('li')?.id ?? ''
  player.onRest = seconds => link(`#${command}&t=${seconds.toFixed(1)}`)
  section.querySelector('.open')?.remove()
  section.prepend(player.element)
  return player
}

/** As it was recorded, or, where the recording is sealed, as the page alone has it. */
function partOf(section: HTMLElement): HTMLElement | null {
  const name = section.dataset['cast'] ?? ''
  return document.getElementById(`file:${name}`) ?? document.getElementById(`cast:${name}`)
}

function link(hash: string): void {
  try {
    history.replaceState(null, '', hash)
  } catch {
    // A browser that lets no page from disk do that.
  }
}
