// Which keys do what.
import { button, element } from './elements.ts'

const page: readonly (readonly [string, string])[] = [
  ['/', 'search'],
  ['j k', 'next command, the one before'],
  ['Enter', 'play the terminal of the command'],
  ['1 2 3 4', 'all, allowed, asked, denied'],
  ['Esc', 'show everything again'],
  ['?', 'this list'],
]
const terminal: readonly (readonly [string, string])[] = [
  ['Space', 'play, pause'],
  ['← →', 'five seconds back, ahead'],
  ['Home End', 'to the beginning, to the end'],
  ['< >', 'slower, faster'],
  ['f', 'find in what was shown'],
  ['n N', 'next match, the one before'],
]

export class KeyHelp {
  readonly #dialog = document.createElement('dialog')

  constructor() {
    this.#dialog.setAttribute('aria-labelledby', 'key-help')
    const title = element('h2', '', 'Keys')
    title.id = 'key-help'
    const close = button('Close', () => this.#dialog.close())
    close.textContent = 'Close'
    this.#dialog.append(title, table('In the page', page), table('In a terminal', terminal), close)
    document.body.append(this.#dialog)
  }

  show(): void {
    if (!this.#dialog.open) this.#dialog.showModal()
  }

  get isOpen(): boolean {
    return this.#dialog.open
  }
}

function table(name: string, rows: readonly (readonly [string, string])[]): HTMLElement {
  const made = document.createElement('table')
  made.createCaption().textContent = name
  for (const [keys, what] of rows) {
    const row = made.insertRow()
    const head = document.createElement('th')
    head.scope = 'row'
    for (const key of keys.split(' ')) head.append(element('kbd', '', key))
    row.append(head, element('td', '', what))
  }
  return made
}
