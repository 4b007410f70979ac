import { StringDecoder } from 'node:string_decoder'

import { OUTPUT_LINE_CHARS_MAX, OUTPUT_WINDOW_BYTES_MAX, OUTPUT_WINDOW_MS } from './limits.ts'

/**
 * Cuts what an executor prints into lines, within bounds: of a line, and of all that is passed on within a time. What
 * is beyond is left out, and a line says how much it was.
 */
export class OutputLines {
  readonly #emit: (line: string) => void
  readonly #nowMs: () => number
  readonly #decoder = new StringDecoder('utf8')
  #line = ''
  #windowEndMs = -Infinity
  #windowBytes = 0
  #leftOutBytes = 0

  constructor(emit: (line: string) => void, nowMs: () => number = () => performance.now()) {
    this.#emit = emit
    this.#nowMs = nowMs
  }

  push(chunk: Buffer): void {
    const nowMs = this.#nowMs()
    if (nowMs >= this.#windowEndMs) {
      this.#sayLeftOut()
      this.#windowEndMs = nowMs + OUTPUT_WINDOW_MS
      this.#windowBytes = 0
    }
    this.#windowBytes += chunk.length
    if (this.#windowBytes > OUTPUT_WINDOW_BYTES_MAX) {
      this.#leftOutBytes += chunk.length
      return
    }
    const lines = (this.#line + this.#decoder.write(chunk)).split('\n')
    this.#line = lines.pop()!
    for (const line of lines) this.#cut(line)
    while (this.#line.length > OUTPUT_LINE_CHARS_MAX) {
      this.#emit(this.#line.slice(0, OUTPUT_LINE_CHARS_MAX))
      this.#line = this.#line.slice(OUTPUT_LINE_CHARS_MAX)
    }
  }

  /** Emits what is left: nothing more comes for now. */
  flush(): void {
    const last = this.#line
    this.#line = ''
    if (last !== '') this.#cut(last)
    this.#sayLeftOut()
  }

  #cut(line: string): void {
    for (let at = 0; at === 0 || at < line.length; at += OUTPUT_LINE_CHARS_MAX) {
      this.#emit(line.slice(at, at + OUTPUT_LINE_CHARS_MAX))
    }
  }

  #sayLeftOut(): void {
    const bytes = this.#leftOutBytes
    this.#leftOutBytes = 0
    if (bytes > 0) this.#emit(`[${bytes} bytes of output were left out]`)
  }
}
