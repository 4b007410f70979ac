/** Sends in order, one at a time, because a ZeroMQ socket refuses a send while another is in progress (`EBUSY`). */
export class Sender {
  readonly #send: (message: Uint8Array) => Promise<void>
  readonly #queue: Uint8Array[] = []
  #sending = false

  constructor(send: (message: Uint8Array) => Promise<void>) {
    this.#send = send
  }

  /** A failed send is an unhandled rejection, and so ends the trial. */
  push(message: Uint8Array): void {
    this.#queue.push(message)
    if (!this.#sending) void this.#drain()
  }

  async #drain(): Promise<void> {
    this.#sending = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) await this.#send(next)
    this.#sending = false
  }
}
