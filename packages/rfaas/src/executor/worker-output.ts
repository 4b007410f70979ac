import type { Writable } from 'node:stream'

import type { OutputStream } from './output-stream.ts'

import { WORKER_OUTPUT_BYTES_MAX } from './limits.ts'

/** A longer line of a worker among several is sent in parts, each as a line. */
const BEGUN_LINE_BYTES_MAX = 16_384

/**
 * What the functions of one worker print, on its way to the supervisor of the executor. A thread's own streams wait for
 * its event loop, which a worker that is asked or polls does not turn; these send at once. They never wait: what the
 * supervisor has not taken yet is bounded, and what is beyond is dropped, which the next output says.
 */
export class WorkerOutput {
  /** Bytes that were sent and not taken yet; the supervisor subtracts what it has written. */
  readonly #pending: Int32Array<SharedArrayBuffer>
  readonly #send: (stream: OutputStream, bytes: Uint8Array) => void
  #prefix = ''
  #droppedBytes = 0
  /** The begun line of each stream, in Latin-1: bytes as they are, because a character may be cut in two. */
  readonly #begun = { 1: '', 2: '' }

  constructor(pending: Int32Array<SharedArrayBuffer>, send: (stream: OutputStream, bytes: Uint8Array) => void) {
    this.#pending = pending
    this.#send = send
  }

  /**
   * Begins each line with the number of the worker, unless there is only one. Several workers share a stream, so each then
   * sends whole lines only.
   */
  label(workerIndex: number, workers: number): void {
    this.#prefix = workers > 1 ? `[worker ${workerIndex}] ` : ''
  }

  /** Makes the thread's own stream send what is written to it. */
  redirect(stream: OutputStream, own: Writable): void {
    own._write = (chunk: Buffer | string, encoding, done) => {
      this.write(stream, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
      done()
    }
    own._writev = (chunks, done) => {
      for (const { chunk, encoding } of chunks as { chunk: Buffer | string; encoding: BufferEncoding }[]) {
        this.write(stream, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
      }
      done()
    }
  }

  write(stream: OutputStream, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (Atomics.load(this.#pending, 0) + this.#begun[stream].length + bytes.length > WORKER_OUTPUT_BYTES_MAX) {
      this.#droppedBytes += bytes.length
      return
    }
    const text = Buffer.from(bytes).toString('latin1')
    if (this.#prefix === '') return this.#sendText(stream, text)
    const lines = (this.#begun[stream] + text).split('\n')
    this.#begun[stream] = lines.pop()!
    if (this.#begun[stream].length > BEGUN_LINE_BYTES_MAX) lines.push(this.#take(stream))
    if (lines.length > 0) this.#sendText(stream, lines.map((line) => `${this.#prefix}${line}\n`).join(''))
  }

  /** Sends lines that have not ended, as lines. */
  flush(): void {
    for (const stream of [1, 2] as const) {
      if (this.#begun[stream] !== '') this.#sendText(stream, `${this.#prefix}${this.#take(stream)}\n`)
    }
  }

  #take(stream: OutputStream): string {
    const begun = this.#begun[stream]
    this.#begun[stream] = ''
    return begun
  }

  #sendText(stream: OutputStream, text: string): void {
    const dropped = this.#droppedBytes === 0 ? '' : `[${this.#droppedBytes} bytes of output were dropped]\n`
    this.#droppedBytes = 0
    const sent = Buffer.from(dropped + text, 'latin1')
    Atomics.add(this.#pending, 0, sent.length)
    this.#send(stream, sent)
  }
}
