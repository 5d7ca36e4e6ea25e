// Plays one terminal: where it is, how fast, which pauses it keeps, and what is found in it.
import type { Cast } from '../gateway/terminal/cast.ts'
import { OutputIndex } from '../gateway/terminal/output-index.ts'
import { Playback } from '../gateway/terminal/playback.ts'
import { button, choice, element, icon } from './elements.ts'
import { TerminalView } from './terminal-view.ts'

const SKIP_SECONDS = 5
const speeds = ['0.5', '1', '2', '4', '8', '16']
const pauses: readonly (readonly [string, string])[] = [
  ['1', 'at most 1 s'],
  ['2', 'at most 2 s'],
  ['5', 'at most 5 s'],
  ['', 'as they were'],
]
const DENSITY_BARS = 120

export class TerminalPlayer {
  readonly element = element('div', 'player')
  readonly #cast: Cast
  readonly #view = new TerminalView()
  readonly #play = button('Play', () => this.toggle())
  readonly #seek = document.createElement('input')
  readonly #time = element('span', 'time')
  readonly #speed = choice(
    'Speed',
    speeds.map(speed => [speed, `${speed}×`] as const),
    '1',
  )
  readonly #pause = choice('Pauses', pauses, '2')
  readonly #find = document.createElement('input')
  readonly #hits = element('span', 'hits')
  readonly #density = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  #playback: Playback
  #index: OutputIndex | null = null
  #found: readonly number[] = []
  #hit = -1
  #now = 0
  #frame: number | null = null
  #before = 0
  /** Told when it comes to rest: seconds of the recording with its pauses. */
  onRest: (seconds: number) => void = () => {}

  constructor(cast: Cast) {
    this.#cast = cast
    this.#playback = new Playback(cast, Number(this.#pause.value))
    this.#build()
    this.#drawDensity()
    this.#show()
  }

  get isPlaying(): boolean {
    return this.#frame !== null
  }

  focus(): void {
    this.#view.element.focus()
  }

  toggle(): void {
    if (this.isPlaying) this.stop()
    else this.start()
  }

  start(): void {
    if (this.isPlaying) return
    if (this.#now >= this.#playback.duration) this.#now = 0
    this.#before = performance.now()
    this.#frame = requestAnimationFrame(at => this.#tick(at))
    this.#show()
  }

  stop(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame)
    this.#frame = null
    this.#show()
    this.onRest(this.#now)
  }

  /** @param seconds of the recording as it is played now. */
  seek(seconds: number): void {
    this.#now = Math.min(this.#playback.duration, Math.max(0, seconds))
    this.#show()
    if (!this.isPlaying) this.onRest(this.#now)
  }

  #tick(at: number): void {
    this.#now += (Math.max(0, at - this.#before) / 1000) * Number(this.#speed.value)
    this.#before = at
    if (this.#now >= this.#playback.duration) {
      this.#now = this.#playback.duration
      this.stop()
      return
    }
    this.#show()
    this.#frame = requestAnimationFrame(next => this.#tick(next))
  }

  #show(): void {
    const { duration } = this.#playback
    this.#playback.seek(this.#now)
    this.#view.draw(this.#playback.screen)
    this.#seek.max = String(duration)
    this.#seek.value = String(this.#now)
    this.#seek.setAttribute('aria-valuetext', `${clock(this.#now)} of ${clock(duration)}`)
    this.#time.textContent = `${clock(this.#now)} / ${clock(duration)}`
    const name = this.isPlaying ? 'Pause' : 'Play'
    if (this.#play.title === name) return
    this.#play.title = name
    this.#play.setAttribute('aria-label', name)
    this.#play.replaceChildren(icon(this.isPlaying ? 'M4 3h3v10H4zM9 3h3v10H9z' : 'M4 2.5v11l9-5.5z'))
  }

  #build(): void {
    Object.assign(this.#seek, { type: 'range', min: '0', step: '0.01', className: 'seek' })
    this.#seek.setAttribute('aria-label', 'Position')
    this.#seek.addEventListener('input', () => this.seek(Number(this.#seek.value)))
    Object.assign(this.#find, { type: 'search', autocomplete: 'off', spellcheck: false })
    this.#find.addEventListener('input', () => this.#search())
    this.#hits.setAttribute('role', 'status')
    this.#pause.addEventListener('input', () => this.#changePauses())
    this.#density.setAttribute('class', 'density')
    this.#density.setAttribute('aria-hidden', 'true')
    const track = element('div', 'track')
    track.append(this.#density, this.#seek)
    const find = document.createElement('label')
    find.append('Find ', this.#find)
    const controls = element('div', 'controls')
    const back = button('Previous match', () => this.#step(-1), 'M3 10.5 8 5.5l5 5')
    const next = button('Next match', () => this.#step(1), 'M3 5.5l5 5 5-5')
    controls.append(this.#play, this.#time, labelled('Speed', this.#speed), labelled('Pauses', this.#pause), find, back, next, this.#hits)
    this.element.append(this.#view.element, track, controls)
    this.element.addEventListener('keydown', event => this.#onKey(event))
  }

  /** The same moment stays on the screen. */
  #changePauses(): void {
    const before = this.#playback
    this.#playback = new Playback(this.#cast, this.#pause.value === '' ? null : Number(this.#pause.value))
    this.#now = Math.min(before.sameMoment(this.#playback, this.#now), this.#playback.duration)
    this.#drawDensity()
    this.#show()
  }

  #search(): void {
    this.#index ??= new OutputIndex(this.#cast)
    this.#found = this.#index.find(this.#find.value)
    this.#hit = -1
    this.#hits.textContent = this.#find.value === '' ? '' : 'not found'
    if (this.#found.length > 0) this.#step(1)
  }

  #step(by: number): void {
    const count = this.#found.length
    if (count === 0) return
    this.#hit = (this.#hit + by + count) % count
    this.#hits.textContent = `${this.#hit + 1} of ${count}`
    this.seek(this.#playback.timeOf(this.#found[this.#hit] ?? 0))
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const { target } = event
    const isText = target === this.#find
    if (isText && event.key !== 'Enter') {
      if (event.key !== 'Escape') event.stopPropagation()
      return
    }
    if (target instanceof HTMLSelectElement || (target instanceof HTMLButtonElement && /^(?: |Enter)$/.test(event.key))) return
    const action = this.#actions[event.key]
    if (action === undefined) return
    action(event)
    event.preventDefault()
    event.stopPropagation()
  }

  readonly #actions: Readonly<Record<string, (event: KeyboardEvent) => void>> = {
    ' ': () => this.toggle(),
    ArrowLeft: () => this.seek(this.#now - SKIP_SECONDS),
    ArrowRight: () => this.seek(this.#now + SKIP_SECONDS),
    Home: () => this.seek(0),
    End: () => this.seek(this.#playback.duration),
    '<': () => this.#changeSpeed(-1),
    '>': () => this.#changeSpeed(1),
    f: () => this.#find.focus(),
    n: () => this.#step(1),
    N: () => this.#step(-1),
    Enter: event => this.#step(event.shiftKey ? -1 : 1),
  }

  #changeSpeed(by: number): void {
    this.#speed.selectedIndex = Math.min(speeds.length - 1, Math.max(0, this.#speed.selectedIndex + by))
  }

  /** How much was written when, behind the position. */
  #drawDensity(): void {
    const { duration } = this.#playback
    const bars = Array.from({ length: DENSITY_BARS }, () => 0)
    for (const [at, { kind, text }] of this.#cast.events.entries()) {
      if (kind !== 'o') continue
      const bar = duration === 0 ? 0 : Math.min(DENSITY_BARS - 1, Math.floor((this.#playback.timeOf(at) / duration) * DENSITY_BARS))
      bars[bar] = (bars[bar] ?? 0) + text.length
    }
    const most = Math.log1p(Math.max(1, ...bars))
    const path = bars.map((chars, at) => `M${at} 20v-${((Math.log1p(chars) / most) * 20).toFixed(1)}h.8V20z`)
    this.#density.setAttribute('viewBox', `0 0 ${DENSITY_BARS} 20`)
    this.#density.setAttribute('preserveAspectRatio', 'none')
    const drawn = document.createElementNS('http://www.w3.org/2000/svg', 'path')
    drawn.setAttribute('d', path.join(''))
    this.#density.replaceChildren(drawn)
  }
}

function labelled(name: string, field: HTMLElement): HTMLElement {
  const label = document.createElement('label')
  label.append(`${name} `, field)
  return label
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds)
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map(part => String(part).padStart(2, '0'))
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${parts.join(':')}` : `${Math.floor(whole / 60)}:${parts[1] ?? '00'}`
}
