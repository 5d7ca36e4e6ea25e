// A value that must not reach a client, and the forms in which it would be noticed.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

export class Canary {
  readonly value = `canary-${randomBytes(9).toString('hex')}`
  readonly #forms: readonly Buffer[]

  constructor() {
    // base64 of a text that holds it depends on how many bytes stand before it, modulo three; the edges depend on what is around.
    const encoded = ['', '_', '__'].map(before => {
      const text = Buffer.from(before + this.value).toString('base64')
      return text.slice(before.length === 0 ? 0 : 4, Math.floor((before.length + this.value.length) / 3) * 4)
    })
    const hex = Buffer.from(this.value).toString('hex')
    this.#forms = [this.value, ...encoded, hex].map(form => Buffer.from(form))
  }

  isIn(seen: string | Buffer): boolean {
    const bytes = typeof seen === 'string' ? Buffer.from(seen) : seen
    return this.#forms.some(form => bytes.includes(form))
  }
}

/** Fails when one of them was seen; the message names none of it. */
export function assertUnseen(seen: string | Buffer, canaries: readonly Canary[], what: string): void {
  assert.ok(!canaries.some(canary => canary.isIn(seen)), `a canary reached the client by ${what}`)
}
