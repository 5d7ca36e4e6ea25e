// asciicast v2: a terminal session as lines of JSON. https://docs.asciinema.org/manual/asciicast/v2/

export interface CastHeader {
  readonly width: number
  readonly height: number
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly title: string
}

export function castHeader(header: CastHeader): string {
  return `${JSON.stringify({ version: 2, ...header })}\n`
}

/** Output at a time since the start; line feeds become what a terminal sends. */
export function castOutput(ms: number, text: string): string {
  return `${JSON.stringify([Math.round(ms) / 1000, 'o', text.replaceAll(/\r?\n/g, '\r\n')])}\n`
}
