// Reads long texts on a thread of their own, one after the other, so that nobody else waits for them. A reading that takes too long, or
// ends its thread, is an opaque command: never an error of the gateway.
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Catalog } from './catalog.ts'
import { unreadable } from './read-sql.ts'
import type { ReadingAnswer, ReadingOrder } from './reading-worker.ts'
import type { SqlContext, SqlStatement } from './sql-statement.ts'

/** Longer texts are read here; shorter ones take less than a hundredth of a second. */
export const MAX_INLINE_BYTES = 64 * 1024
const READING_TIMEOUT_MS = 30_000
/** The parser's memory only grows: a thread that has nothing to do is let go. */
const IDLE_MS = 30_000
const MAX_HEAP_MB = 2048

interface Job {
  readonly text: Buffer
  readonly context: SqlContext
  readonly answer: (statements: readonly SqlStatement[]) => void
}

export interface OffThreadOptions {
  readonly timeoutMs?: number
  readonly idleMs?: number
  /** For tests: another thread than the real one. */
  readonly file?: string
}

export class OffThreadReader {
  readonly #options: OffThreadOptions
  readonly #waiting: Job[] = []
  #worker: Worker | null = null
  #running: Job | null = null
  #timer: NodeJS.Timeout | null = null
  /** What the thread holds. */
  #sent: Catalog | null = null

  constructor(options: OffThreadOptions = {}) {
    this.#options = options
  }

  /** Promises of `readSql`, except that trees are shortened (TreeShortener). Never rejects. */
  async read(text: Buffer, context: SqlContext): Promise<readonly SqlStatement[]> {
    return new Promise(resolve => {
      this.#waiting.push({ text, context, answer: resolve })
      this.#next()
    })
  }

  #next(): void {
    if (this.#running !== null) return
    const job = this.#waiting.shift()
    if (job === undefined) return
    this.#running = job
    this.#wake(this.#options.timeoutMs ?? READING_TIMEOUT_MS, () => this.#give('reading it took too long'))
    const worker = this.#thread()
    const { catalog, ...context } = job.context
    const isNew = catalog !== null && catalog !== this.#sent
    const bytes = new Uint8Array(job.text)
    const order: ReadingOrder = {
      text: bytes,
      // Names of the session are sent where they can be meant.
      context: usesNames(job.text) ? context : { ...context, prepared: new Map(), cursors: new Map() },
      hasCatalog: catalog !== null,
      ...(isNew ? { catalog } : {}),
    }
    if (isNew) this.#sent = catalog
    try {
      worker.postMessage(order, [bytes.buffer])
    } catch (error) {
      this.#give(error instanceof Error ? error.message : 'it cannot be handed over')
    }
  }

  #thread(): Worker {
    if (this.#worker !== null) {
      this.#worker.ref()
      return this.#worker
    }
    const worker = new Worker(this.#options.file ?? threadFile(), {
      name: 'sql-reader',
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    })
    worker.on('message', (answer: ReadingAnswer) => {
      if (worker !== this.#worker || this.#running === null) return
      if ('failure' in answer) this.#end([unreadable(this.#running.text.toString('utf8'), answer.failure)])
      else this.#end(answer.statements)
    })
    const gone = (): void => {
      if (worker !== this.#worker) return
      this.#forget()
      if (this.#running !== null) this.#end([unreadable(this.#running.text.toString('utf8'), 'reading it took too much memory')])
    }
    worker.on('error', gone)
    worker.on('exit', gone)
    this.#worker = worker
    return worker
  }

  /** Ends the thread with what it reads. */
  #give(reason: string): void {
    const worker = this.#worker
    const job = this.#running
    this.#forget()
    worker?.terminate().catch(() => {})
    if (job !== null) this.#end([unreadable(job.text.toString('utf8'), reason)])
  }

  #end(statements: readonly SqlStatement[]): void {
    const job = this.#running
    this.#running = null
    this.#worker?.unref()
    this.#wake(this.#options.idleMs ?? IDLE_MS, () => this.#give(''))
    this.#timer?.unref()
    job?.answer(statements)
    this.#next()
  }

  #forget(): void {
    this.#worker = null
    this.#sent = null
  }

  #wake(waitMs: number, then: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(then, waitMs)
  }
}

function usesNames(text: Buffer): boolean {
  return /\b(execute|fetch|move|declare|prepare)\b/i.test(text.toString('latin1'))
}

/** Beside the bundle it is a bundle; in the sources it is a source. */
function threadFile(): string {
  return path.join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? 'reading-worker.ts' : 'sql-reader.mjs')
}
