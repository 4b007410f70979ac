import type { Writable } from 'node:stream'

import { WORKER_OUTPUT_BYTES_MAX } from './limits.ts'

/** Standard output or standard error. */
export type OutputStream = 1 | 2

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
  /** Whether the stream is at the beginning of a line. */
  readonly #isLineStart = { 1: true, 2: true }

  constructor(pending: Int32Array<SharedArrayBuffer>, send: (stream: OutputStream, bytes: Uint8Array) => void) {
    this.#pending = pending
    this.#send = send
  }

  /** Begins each line with the number of the worker; not where there is only one. */
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
    if (Atomics.load(this.#pending, 0) + bytes.length > WORKER_OUTPUT_BYTES_MAX) {
      this.#droppedBytes += bytes.length
      return
    }
    const sent = this.#labelled(stream, bytes)
    Atomics.add(this.#pending, 0, sent.length)
    this.#send(stream, sent)
  }

  #labelled(stream: OutputStream, bytes: Uint8Array): Buffer {
    const dropped = this.#droppedBytes === 0 ? '' : `[${this.#droppedBytes} bytes of output were dropped]\n`
    this.#droppedBytes = 0
    const text = Buffer.from(bytes).toString('latin1')
    const first = this.#isLineStart[stream] ? this.#prefix : ''
    this.#isLineStart[stream] = text.endsWith('\n')
    // Bytes as they are: a character may be cut in two.
    return Buffer.from(dropped + first + text.replaceAll(/\n(?!$)/g, `\n${this.#prefix}`), 'latin1')
  }
}
