import type { Connection } from '../fabric.ts'
import type { Mode } from './drive.ts'

/*
 * The far end of most tests sends back what arrives. An immediate names a slot of both windows and may say more in its
 * upper bits; the slot begins with the number of bytes that follow.
 */
export const SLOT_HEADER_BYTES = 8
/** The write carried no bytes: answer with none. */
export const EMPTY: number = 1 << 30
/** Answer only after PAUSE_MS, when the waiting end has surely fallen asleep. */
export const LATER: number = 1 << 29
export const PAUSE_MS = 20

const SLOT_MASK = LATER - 1
const POLLS_PER_LOOK = 1 << 14

/** Blocks this thread. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

export class Echo {
  readonly #end: Connection
  readonly #slotBytes: number
  readonly #untold: number[] = []

  constructor(end: Connection, slotBytes: number) {
    this.#end = end
    this.#slotBytes = slotBytes
  }

  /** Echoes until the peer is gone or the time is over. */
  async run(mode: Mode, untilMs: number): Promise<void> {
    const end = this.#end
    for (let polls = 1; ; polls++) {
      if (this.#serve()) continue
      if (mode === 'poll' && polls % POLLS_PER_LOOK !== 0) continue
      const leftMs = untilMs - performance.now()
      if (leftMs <= 0 || end.state !== 'open') return
      if (this.#untold.length > 0 || mode === 'poll') continue
      if (mode === 'wait') end.wait(leftMs)
      else await this.#ready()
    }
  }

  #ready(): Promise<void> {
    return new Promise((resolve) => {
      this.#end.onReady = resolve
      this.#end.ref()
      if (!this.#end.arm()) resolve()
    })
  }

  /** Polls once and sends the first pending answer. Returns whether there was anything to do. */
  #serve(): boolean {
    const immediate = this.#end.poll()
    if (immediate >= 0) {
      if ((immediate & LATER) !== 0) pause(PAUSE_MS)
      this.#untold.push(immediate)
    }
    const first = this.#untold[0]
    if (first === undefined) return false
    if (this.#answer(first)) this.#untold.shift()
    return true
  }

  #answer(immediate: number): boolean {
    const offset = (immediate & SLOT_MASK) * this.#slotBytes
    if ((immediate & EMPTY) !== 0) return this.#end.write(offset, 0, immediate)
    const bytes = new DataView(this.#end.inbound).getUint32(offset, true) + SLOT_HEADER_BYTES
    new Uint8Array(this.#end.outbound, offset, bytes).set(new Uint8Array(this.#end.inbound, offset, bytes))
    return this.#end.write(offset, bytes, immediate)
  }
}

/** Puts a payload into a slot of `outbound`; returns the number of bytes to write. */
export function fillSlot(end: Connection, offset: number, payload: Uint8Array): number {
  new DataView(end.outbound).setUint32(offset, payload.length, true)
  new Uint8Array(end.outbound, offset + SLOT_HEADER_BYTES, payload.length).set(payload)
  return payload.length + SLOT_HEADER_BYTES
}

/** The payload that came back in a slot of `inbound`. */
export function slotPayload(end: Connection, offset: number): Buffer {
  const bytes = new DataView(end.inbound).getUint32(offset, true)
  return Buffer.from(end.inbound as ArrayBuffer, offset + SLOT_HEADER_BYTES, bytes)
}
