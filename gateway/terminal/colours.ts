// Which colours a cell is drawn in. Text is always readable: where a program's colours are too close, the text gives way, not the ground.
import { TRUE_COLOUR } from './style.ts'
import type { Colour, Style } from './style.ts'

/** Red, green, blue in 24 bits. */
type Rgb = number

export interface Theme {
  readonly fg: Rgb
  readonly bg: Rgb
  /** The 16 colours that have names. */
  readonly palette: readonly Rgb[]
}

export const darkTheme: Theme = {
  fg: 0xe6edf3,
  bg: 0x0d1117,
  palette: [
    0x484f58, 0xff7b72, 0x3fb950, 0xd29922, 0x58a6ff, 0xbc8cff, 0x39c5cf, 0xb1bac4, 0x6e7681, 0xffa198, 0x56d364, 0xe3b341, 0x79c0ff,
    0xd2a8ff, 0x56d4dd, 0xffffff,
  ],
}

export const lightTheme: Theme = {
  fg: 0x1b1f24,
  bg: 0xffffff,
  palette: [
    0x24292f, 0xcf222e, 0x116329, 0x7d4e00, 0x0550ae, 0x8250df, 0x1b7c83, 0x57606a, 0x57606a, 0xa40e26, 0x1a7f37, 0x633c01, 0x0969da,
    0x6639ba, 0x3192aa, 0x424a53,
  ],
}

export interface CellColours {
  /** `#rrggbb`. */
  readonly fg: string
  /** null = the terminal's own ground. */
  readonly bg: string | null
}

/** WCAG 2.1, success criterion 1.4.3. */
const READABLE = 4.5

export function cellColours(style: Style, theme: Theme): CellColours {
  const isBright = style.bold && style.fg !== null && style.fg < 8
  const text = rgbOf(isBright ? (style.fg ?? 0) + 8 : style.fg, theme.fg, theme)
  const ground = rgbOf(style.bg, theme.bg, theme)
  const [fg, bg] = style.inverse ? [ground, text] : [text, ground]
  return { fg: spelled(readable(style.dim ? mixed(fg, bg, 0.4) : fg, bg)), bg: bg === theme.bg ? null : spelled(bg) }
}

/** How far apart two colours are, 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

function readable(fg: Rgb, bg: Rgb): Rgb {
  const end = contrast(0xffffff, bg) > contrast(0, bg) ? 0xffffff : 0
  for (let share = 0; share < 1; share += 0.1) {
    const shifted = mixed(fg, end, share)
    if (contrast(shifted, bg) >= READABLE) return shifted
  }
  return end
}

function rgbOf(colour: Colour, own: Rgb, { palette }: Theme): Rgb {
  if (colour === null) return own
  if (colour >= TRUE_COLOUR) return colour & 0xffffff
  if (colour < 16) return palette[colour] ?? own
  if (colour >= 232) return (8 + (colour - 232) * 10) * 0x010101
  const cube = colour - 16
  return (level(Math.floor(cube / 36)) << 16) | (level(Math.floor(cube / 6) % 6) << 8) | level(cube % 6)
}

function level(step: number): number {
  return step === 0 ? 0 : 55 + step * 40
}

function channels(rgb: Rgb): readonly number[] {
  return [(rgb >> 16) & 0xff, (rgb >> 8) & 0xff, rgb & 0xff]
}

function mixed(one: Rgb, other: Rgb, share: number): Rgb {
  const ends = channels(other)
  return channels(one).reduce((rgb, value, at) => (rgb << 8) | Math.round(value + ((ends[at] ?? 0) - value) * share), 0)
}

function luminance(rgb: Rgb): number {
  const [red = 0, green = 0, blue = 0] = channels(rgb).map(value => {
    const part = value / 255
    return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function spelled(rgb: Rgb): string {
  return `#${rgb.toString(16).padStart(6, '0')}`
}
