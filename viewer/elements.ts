// Elements as this page makes them: with their text as text.

const SVG = 'http://www.w3.org/2000/svg'

export function element(name: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(name)
  made.className = className
  made.textContent = text
  return made
}

/** A button with a name for everybody, and a picture where one is given. */
export function button(name: string, onClick: () => void, path?: string): HTMLButtonElement {
  const made = document.createElement('button')
  made.type = 'button'
  made.addEventListener('click', onClick)
  if (path === undefined) return made
  made.title = name
  made.setAttribute('aria-label', name)
  made.append(icon(path))
  return made
}

export function icon(path: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('aria-hidden', 'true')
  const drawn = document.createElementNS(SVG, 'path')
  drawn.setAttribute('d', path)
  svg.append(drawn)
  return svg
}

export function choice(name: string, options: readonly (readonly [string, string])[], chosen: string): HTMLSelectElement {
  const made = document.createElement('select')
  made.setAttribute('aria-label', name)
  for (const [value, words] of options) made.append(new Option(words, value, value === chosen, value === chosen))
  return made
}

/** What the page must have. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found
}

export function fieldById(id: string): HTMLInputElement | HTMLSelectElement {
  const found = byId(id)
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) return found
  throw new Error(`${id} is not a field`)
}
