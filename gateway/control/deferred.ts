// A promise that is settled from outside. Node 20 has no Promise.withResolvers.

export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

/** A promise with its two ends; settling it twice is harmless. A rejection that nobody awaits is no crash. */
export function deferred<T>(): Deferred<T> {
  let ends: Pick<Deferred<T>, 'resolve' | 'reject'> | null = null
  const promise = new Promise<T>((resolve, reject) => {
    ends = { resolve, reject }
  })
  promise.catch(() => undefined)
  // The executor above has run by now; the compiler cannot know.
  const { resolve, reject } = ends ?? { resolve: ignore, reject: ignore }
  return { promise, resolve, reject }
}

function ignore(): void {}
