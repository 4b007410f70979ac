import { SingleBar } from 'cli-progress'
import { styleText } from 'node:util'
import type { Phase } from './result.ts'

/** Shows a person how far the job is. */
export interface Progress {
  /** Begins a step, with a line that says what it does. */
  step(text: string): void
  /** Shows a bar for the step; it ends with the next step or with `end`. */
  bar(total: number): void
  update(done: number): void
  /** Leaves no bar behind. Ending twice is fine. */
  end(): void
}

/** One line per step, and a bar where the output is a terminal. */
export class TextProgress implements Progress {
  readonly #stream: NodeJS.WriteStream
  #bar: SingleBar | null = null

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  step(text: string): void {
    this.end()
    this.#stream.write(`${styleText('dim', text, { stream: this.#stream })}\n`)
  }

  bar(total: number): void {
    this.end()
    if (!this.#stream.isTTY) return
    this.#bar = new SingleBar({
      format: '  {bar} {percentage} %',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      stream: this.#stream,
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
    })
    this.#bar.start(total, 0)
  }

  update(done: number): void {
    this.#bar?.update(done)
  }

  end(): void {
    this.#bar?.stop()
    this.#bar = null
  }
}

/** For `--json`: nothing but the result is printed. */
export const silent: Progress = { step() {}, bar() {}, update() {}, end() {} }

/** Passes progress on, and records how long each step took. */
export class Phases implements Progress {
  readonly #shown: Progress
  readonly #phases: Phase[] = []
  #startMs = 0

  constructor(shown: Progress) {
    this.#shown = shown
  }

  step(text: string): void {
    this.#close()
    this.#phases.push({ name: text, ms: 0 })
    this.#shown.step(text)
  }

  bar(total: number): void {
    this.#shown.bar(total)
  }

  update(done: number): void {
    this.#shown.update(done)
  }

  end(): void {
    this.#shown.end()
  }

  /** All steps so far; the last one has lasted until now. */
  phases(): Phase[] {
    this.#close()
    return this.#phases.map((phase) => ({ ...phase }))
  }

  #close(): void {
    const nowMs = performance.now()
    const last = this.#phases.at(-1)
    if (last !== undefined) last.ms += nowMs - this.#startMs
    this.#startMs = nowMs
  }
}
