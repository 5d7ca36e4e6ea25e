// asciicast v2: a terminal session as lines of JSON. https://docs.asciinema.org/manual/asciicast/v2/
// Version 2 and not 3: its times count from the start, so that every line stands alone and a torn one moves none of those before it;
// and every player there is reads it.

export interface CastHeader {
  readonly width: number
  readonly height: number
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly title: string
}

/** Output, input, resize (`COLUMNSxROWS`), marker. */
export type CastKind = 'o' | 'i' | 'r' | 'm'

export function castHeader(header: CastHeader): string {
  return `${JSON.stringify({ version: 2, ...header })}\n`
}

/** @param ms since the start. */
export function castEvent(ms: number, kind: CastKind, text: string): string {
  return `${JSON.stringify([Math.round(ms * 1000) / 1e6, kind, text])}\n`
}

/** Output at a time since the start; line feeds become what a terminal sends. */
export function castOutput(ms: number, text: string): string {
  return castEvent(Math.round(ms), 'o', text.replaceAll(/\r?\n/g, '\r\n'))
}
