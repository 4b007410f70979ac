import { OUTPUT_QUEUE_BYTES_MAX } from './limits.ts'
import type { OutputStream } from '../executor/output-stream.ts'

/** A line that functions have printed. */
export interface OutputLine {
  /** The worker that printed it; null when it went past `console` and `process.stdout`, to the descriptor itself. */
  readonly worker: number | null
  readonly stream: OutputStream
  readonly text: string
  /** When it reached the node. */
  readonly unixMs: number
}

/** Lines that belong together, in order. */
export interface OutputBatch {
  readonly lines: readonly OutputLine[]
  /** Lines that were dropped just before these. */
  readonly dropped: number
}

/** What a line takes besides its text, about. */
const LINE_BYTES = 64

/**
 * Lines on their way to the client of a lease. Never waits for it: beyond OUTPUT_QUEUE_BYTES_MAX the oldest lines are
 * dropped, and counted.
 */
export class OutputQueue {
  #lines: OutputLine[] = []
  #bytes = 0
  #dropped = 0
  #isClosed = false
  #wake: (() => void) | null = null

  push(line: OutputLine): void {
    this.#lines.push(line)
    this.#bytes += sizeOf(line)
    let over = 0
    while (this.#bytes > OUTPUT_QUEUE_BYTES_MAX) this.#bytes -= sizeOf(this.#lines[over++]!)
    if (over > 0) this.#lines.splice(0, over)
    this.#dropped += over
    this.#wake?.()
  }

  /** Nothing more comes. */
  close(): void {
    this.#isClosed = true
    this.#wake?.()
  }

  /** Gives what has come, as it comes, until the queue is closed and empty, or the signal fires. For one reader. */
  async *read(signal: AbortSignal): AsyncGenerator<OutputBatch> {
    const wake = (): void => this.#wake?.()
    signal.addEventListener('abort', wake)
    try {
      while (!signal.aborted) {
        if (this.#lines.length > 0) yield this.#take()
        else if (this.#isClosed) return
        else await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      signal.removeEventListener('abort', wake)
    }
  }

  #take(): OutputBatch {
    const batch = { lines: this.#lines, dropped: this.#dropped }
    this.#lines = []
    this.#bytes = this.#dropped = 0
    return batch
  }
}

function sizeOf({ text }: OutputLine): number {
  return 3 * text.length + LINE_BYTES
}

/** A line as the executor printed it, where workers begin theirs with `[worker 1]` if there are several. */
export function outputLine(line: string, stream: OutputStream, workers: number, unixMs: number): OutputLine {
  if (workers === 1) return { worker: 0, stream, text: line, unixMs }
  const [begin, number] = /^\[worker (\d+)\] /.exec(line) ?? []
  if (begin === undefined || Number(number) >= workers) return { worker: null, stream, text: line, unixMs }
  return { worker: Number(number), stream, text: line.slice(begin.length), unixMs }
}
