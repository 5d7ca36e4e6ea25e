// How a cell of a terminal looks, and what SGR sequences make of it. Pure.

/** A palette colour 0 to 255, a true colour with `TRUE_COLOUR` set above its 24 bits, or null for the terminal's own. */
export type Colour = number | null

export const TRUE_COLOUR = 0x1000000

export interface Style {
  readonly fg: Colour
  readonly bg: Colour
  readonly bold: boolean
  readonly dim: boolean
  readonly italic: boolean
  readonly underline: boolean
  readonly inverse: boolean
  readonly hidden: boolean
  readonly strike: boolean
}

export const plainStyle: Style = {
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
  hidden: false,
  strike: false,
}

/** What erasing leaves behind: the background goes on, nothing else. */
export function erasedStyle({ bg }: Style): Style {
  return bg === null ? plainStyle : { ...plainStyle, bg }
}

export function isSameStyle(one: Style, other: Style): boolean {
  return (
    one === other ||
    (one.fg === other.fg &&
      one.bg === other.bg &&
      one.bold === other.bold &&
      one.dim === other.dim &&
      one.italic === other.italic &&
      one.underline === other.underline &&
      one.inverse === other.inverse &&
      one.hidden === other.hidden &&
      one.strike === other.strike)
  )
}

/**
 * The style after `CSI … m`.
 * @param params each with its sub-parameters: `38:2::1:2:3` is one of six, `38;2;1;2;3` are five of one; -1 = left out.
 */
export function applySgr(style: Style, params: readonly (readonly number[])[]): Style {
  let next = style
  for (let at = 0; at < params.length; at += 1) {
    const [code = 0, sub = -1] = params[at] ?? []
    if (code === 38 || code === 48) {
      const { colour, used } = extendedColour(params, at)
      at += used
      if (colour !== undefined) next = code === 38 ? { ...next, fg: colour } : { ...next, bg: colour }
    } else if (code === 4) next = { ...next, underline: sub !== 0 }
    else next = applyOne(next, Math.max(0, code))
  }
  return next
}

function applyOne(style: Style, code: number): Style {
  if (code >= 30 && code <= 37) return { ...style, fg: code - 30 }
  if (code >= 40 && code <= 47) return { ...style, bg: code - 40 }
  if (code >= 90 && code <= 97) return { ...style, fg: code - 90 + 8 }
  if (code >= 100 && code <= 107) return { ...style, bg: code - 100 + 8 }
  switch (code) {
    case 0:
      return plainStyle
    case 1:
      return { ...style, bold: true }
    case 2:
      return { ...style, dim: true }
    case 3:
      return { ...style, italic: true }
    case 7:
      return { ...style, inverse: true }
    case 8:
      return { ...style, hidden: true }
    case 9:
      return { ...style, strike: true }
    case 21:
      return { ...style, underline: true }
    case 22:
      return { ...style, bold: false, dim: false }
    case 23:
      return { ...style, italic: false }
    case 24:
      return { ...style, underline: false }
    case 27:
      return { ...style, inverse: false }
    case 28:
      return { ...style, hidden: false }
    case 29:
      return { ...style, strike: false }
    case 39:
      return { ...style, fg: null }
    case 49:
      return { ...style, bg: null }
    default:
      return style
  }
}

/** `38;5;N`, `38;2;R;G;B`, and the same with colons. `colour` is undefined where it is incomplete; `used` = parameters taken beyond the first. */
function extendedColour(params: readonly (readonly number[])[], at: number): { colour: Colour | undefined; used: number } {
  const own = params[at] ?? []
  if (own.length > 1) {
    const [, kind, ...rest] = own
    // With a colour space between, or without it as many programs write it.
    const channels = rest.length > 3 ? rest.slice(1) : rest
    return { colour: colourOf(kind ?? -1, kind === 5 ? rest : channels), used: 0 }
  }
  const kind = params[at + 1]?.[0] ?? -1
  const count = kind === 5 ? 1 : kind === 2 ? 3 : 0
  const values = params.slice(at + 2, at + 2 + count).map(([value = -1]) => Math.max(0, value))
  return { colour: values.length < count ? undefined : colourOf(kind, values), used: 1 + values.length }
}

function colourOf(kind: number, values: readonly number[]): Colour | undefined {
  const bytes = values.map(value => Math.min(255, Math.max(0, value)))
  const [first, second = 0, third = 0] = bytes
  if (kind === 5 && first !== undefined) return first
  if (kind === 2 && first !== undefined) return TRUE_COLOUR | (first << 16) | (second << 8) | third
  return undefined
}
