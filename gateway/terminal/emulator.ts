// A terminal as far as a recording needs one: what programs write becomes what stood on the screen. Pure: no clock, no document.
// Behaves as xterm does; what only asks the terminal, beeps or names a window is taken in and does nothing.
import { EscapeParser } from './escape-parser.ts'
import type { Sequence, TerminalInput } from './escape-parser.ts'
import type { Line } from './grid.ts'
import { Screen } from './screen.ts'
import type { Extent, TerminalSize } from './screen.ts'
import { applySgr } from './style.ts'

type Params = Sequence['params']
type Action = (screen: Screen, count: number, params: Params) => void

/** Control characters; the others do nothing to the screen. */
const controls: ReadonlyMap<number, (screen: Screen) => void> = new Map([
  [0x08, screen => screen.backspace()],
  [0x09, screen => screen.tab(1)],
  [0x0a, screen => screen.lineFeed()],
  [0x0b, screen => screen.lineFeed()],
  [0x0c, screen => screen.lineFeed()],
  [0x0d, screen => screen.carriageReturn()],
  [0x0e, screen => void (screen.shift = 1)],
  [0x0f, screen => void (screen.shift = 0)],
])

/** `ESC` and this; with what stands between them before it. */
const escapes: ReadonlyMap<string, (screen: Screen) => void> = new Map([
  ['7', screen => screen.save()],
  ['8', screen => screen.restore()],
  ['D', screen => screen.index()],
  ['E', screen => screen.nextLine()],
  ['H', screen => screen.setTab()],
  ['M', screen => screen.reverseIndex()],
  ['c', screen => screen.reset()],
  ['#8', screen => screen.align()],
])

/** `CSI`, parameters, and this. `count` is the first parameter, 1 where it is left out or 0. */
const sequences: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['@', (screen, count) => screen.insertCells(count)],
  ['A', (screen, count) => screen.moveUp(count)],
  ['B', (screen, count) => screen.moveDown(count)],
  ['C', (screen, count) => screen.moveRight(count)],
  ['D', (screen, count) => screen.moveLeft(count)],
  ['E', (screen, count) => (screen.moveDown(count), screen.carriageReturn())],
  ['F', (screen, count) => (screen.moveUp(count), screen.carriageReturn())],
  ['G', (screen, count) => screen.moveTo(count - 1, null)],
  ['H', (screen, count, params) => screen.moveTo(countOf(params, 1) - 1, count - 1)],
  ['I', (screen, count) => screen.tab(count)],
  ['J', (screen, _, params) => eraseDisplay(screen, params)],
  ['?J', (screen, _, params) => eraseDisplay(screen, params)],
  ['K', (screen, _, params) => eraseLine(screen, params)],
  ['?K', (screen, _, params) => eraseLine(screen, params)],
  ['L', (screen, count) => screen.insertLines(count)],
  ['M', (screen, count) => screen.deleteLines(count)],
  ['P', (screen, count) => screen.deleteCells(count)],
  ['S', (screen, count) => screen.scrollUp(count)],
  ['T', (screen, count, params) => params.length < 2 && screen.scrollDown(count)],
  ['X', (screen, count) => screen.eraseCells(count)],
  ['Z', (screen, count) => screen.tabBack(count)],
  ['`', (screen, count) => screen.moveTo(count - 1, null)],
  ['a', (screen, count) => screen.moveRight(count)],
  ['b', (screen, count) => screen.repeat(count)],
  ['d', (screen, count) => screen.moveTo(null, count - 1)],
  ['e', (screen, count) => screen.moveDownFar(count)],
  ['f', (screen, count, params) => screen.moveTo(countOf(params, 1) - 1, count - 1)],
  ['g', (screen, _, params) => clearTabs(screen, numberOf(params, 0))],
  ['h', (screen, _, params) => setModes(screen, params, true)],
  ['l', (screen, _, params) => setModes(screen, params, false)],
  ['?h', (screen, _, params) => setPrivateModes(screen, params, true)],
  ['?l', (screen, _, params) => setPrivateModes(screen, params, false)],
  ['m', (screen, _, params) => void (screen.style = applySgr(screen.style, params))],
  ['!p', screen => screen.softReset()],
  ['r', (screen, count, params) => screen.setRegion(count - 1, (numberOf(params, 1) || screen.rows) - 1)],
  ['s', screen => screen.save()],
  ['u', screen => screen.restore()],
])

/** `CSI ? N h` and `l`. */
const privateModes: ReadonlyMap<number, (screen: Screen, isOn: boolean) => void> = new Map([
  [6, (screen, isOn) => screen.setOrigin(isOn)],
  [7, (screen, isOn) => void (screen.isWrapping = isOn)],
  [25, (screen, isOn) => void (screen.isCursorShown = isOn)],
  [47, (screen, isOn) => screen.useAlternate(isOn)],
  [1047, (screen, isOn) => screen.useAlternate(isOn)],
  [1048, (screen, isOn) => saveOrRestore(screen, isOn)],
  [
    1049,
    (screen, isOn) => {
      if (isOn) screen.save()
      screen.useAlternate(isOn)
      if (!isOn) screen.restore()
    },
  ],
])

export class Emulator implements TerminalInput {
  readonly #parser = new EscapeParser(this)
  #screen: Screen

  /** @param onGone gets each line that leaves the top of the main screen, or is wiped off it as a whole. */
  constructor(size: TerminalSize, onGone: (line: Line) => void = () => {}) {
    this.#screen = new Screen(size, onGone)
  }

  /** What stands there now. Changes with the next `write`. */
  get screen(): Pick<Screen, 'touched' | 'columns' | 'rows' | 'lines' | 'cursor' | 'isAlternate'> {
    return this.#screen
  }

  write(text: string): void {
    this.#parser.push(text)
  }

  resize(size: TerminalSize): void {
    this.#screen.resize(size)
  }

  /** A copy that goes on alone, for coming back to this moment. Lines that leave its screen are told to nobody. */
  clone(): Emulator {
    const copy = new Emulator({ columns: 1, rows: 1 })
    copy.#screen = this.#screen.clone()
    copy.#parser.copyFrom(this.#parser)
    return copy
  }

  print(text: string): void {
    this.#screen.print(text)
  }

  execute(code: number): void {
    controls.get(code)?.(this.#screen)
    this.#screen.forgetLast()
  }

  escape(intermediates: string, final: string): void {
    if (intermediates === '(') this.#screen.setCharset(0, final === '0')
    else if (intermediates === ')') this.#screen.setCharset(1, final === '0')
    else escapes.get(intermediates + final)?.(this.#screen)
    this.#screen.forgetLast()
  }

  control({ prefix, params, intermediates, final }: Sequence): void {
    sequences.get(prefix + intermediates + final)?.(this.#screen, countOf(params, 0), params)
    this.#screen.forgetLast()
  }
}

function eraseLine(screen: Screen, params: Params): void {
  const extent = extentOf(params)
  if (extent !== null) screen.eraseLine(extent)
}

function eraseDisplay(screen: Screen, params: Params): void {
  const extent = extentOf(params)
  if (extent !== null) screen.eraseDisplay(extent)
}

function clearTabs(screen: Screen, kind: number): void {
  if (kind === 0 || kind === 3) screen.clearTab(kind === 3)
}

function setModes(screen: Screen, params: Params, isOn: boolean): void {
  for (const [mode] of params) {
    if (mode === 4) screen.isInserting = isOn
    else if (mode === 20) screen.isNewLine = isOn
  }
}

function saveOrRestore(screen: Screen, isSaved: boolean): void {
  if (isSaved) screen.save()
  else screen.restore()
}

function setPrivateModes(screen: Screen, params: Params, isOn: boolean): void {
  for (const [mode = 0] of params) privateModes.get(mode)?.(screen, isOn)
}

function extentOf(params: Params): Extent | null {
  const kind = numberOf(params, 0)
  return kind === 0 || kind === 1 || kind === 2 ? kind : null
}

/** 0 where it is left out. */
function numberOf(params: Params, at: number): number {
  return Math.max(0, params[at]?.[0] ?? 0)
}

/** 1 where it is left out or 0. */
function countOf(params: Params, at: number): number {
  return Math.max(1, params[at]?.[0] ?? 1)
}
