/** The last bytes of a process's output, in constant memory. */
export class OutputRing {
  readonly #bytes: Buffer
  /** Bytes pushed since the last `clear`; the newest one is at `#pushed - 1`, modulo the size. */
  #pushed = 0

  constructor(sizeBytes: number) {
    this.#bytes = Buffer.alloc(sizeBytes)
  }

  /** Forgets the output so far. */
  clear(): void {
    this.#pushed = 0
  }

  push(chunk: Uint8Array): void {
    const size = this.#bytes.length
    const kept = chunk.subarray(Math.max(0, chunk.length - size))
    const start = (this.#pushed + chunk.length - kept.length) % size
    const untilEnd = Math.min(kept.length, size - start)
    this.#bytes.set(kept.subarray(0, untilEnd), start)
    this.#bytes.set(kept.subarray(untilEnd), 0)
    this.#pushed += chunk.length
  }

  /** The last `count` lines that are not blank; a line whose beginning was overwritten is left out. */
  lastLines(count: number): string {
    const size = this.#bytes.length
    const isFull = this.#pushed > size
    const end = this.#pushed % size
    const bytes = isFull
      ? Buffer.concat([this.#bytes.subarray(end), this.#bytes.subarray(0, end)])
      : this.#bytes.subarray(0, this.#pushed)
    const lines = bytes.toString('utf8').split('\n')
    if (isFull && lines.length > 1) lines.shift()
    return lines
      .map((line) => line.trimEnd())
      .filter((line) => line !== '')
      .slice(-count)
      .join('\n')
  }
}
