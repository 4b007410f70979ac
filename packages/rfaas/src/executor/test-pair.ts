import { attach, HEADER_BYTES, MemoryFabric, type Connection, type ConnectionHandle } from '@rfaas/fabric'

import { geometryOf, MESSAGE_ID, MESSAGE_PAYLOAD_BYTES, MESSAGE_STATUS, type SlotLayout } from '../protocol/slots.ts'

/** What came back in a slot. */
export interface RawResult {
  slot: number
  id: number
  status: number
  payload: Uint8Array
}

/**
 * For tests: a worker's connection over the in-process fabric, and a client that makes its messages by hand, even wrong
 * ones.
 */
export class TestPair {
  readonly layout: SlotLayout
  readonly worker: Connection
  readonly client: Connection
  /** To interrupt the worker with. */
  readonly handle: ConnectionHandle

  private constructor(layout: SlotLayout, client: Connection, handle: ConnectionHandle) {
    this.layout = layout
    this.client = client
    this.handle = handle
    this.worker = attach(handle)
  }

  static async open(layout: SlotLayout): Promise<TestPair> {
    const fabric = new MemoryFabric()
    const secret = new Uint8Array(32)
    const geometry = { ...geometryOf(layout), secret }
    const listener = await fabric.listen(geometry)
    const client = await fabric.connect(listener.address, geometry)
    const handle = await listener.accept()
    listener.close()
    return new TestPair(layout, client, handle)
  }

  /** Sends an invocation. `claimedBytes`: the payload length that the message claims. */
  invoke(slot: number, f: number, payload: Uint8Array, claimedBytes: number = payload.length, id = 0): void {
    new Uint8Array(this.client.outbound).set(payload, slot * this.layout.slotBytes + HEADER_BYTES)
    this.client.send(slot, payload.length, id, f, claimedBytes)
  }

  /** The next result, or null when there is none yet. */
  result(): RawResult | null {
    const slot = this.client.poll()
    if (slot < 0) return null
    const begin = slot * this.layout.slotBytes + HEADER_BYTES
    const { received } = this.client
    return {
      slot,
      id: received[MESSAGE_ID]!,
      status: received[MESSAGE_STATUS]!,
      payload: new Uint8Array(this.client.inbound.slice(begin, begin + received[MESSAGE_PAYLOAD_BYTES]!)),
    }
  }

  /** The next result, as soon as it is there. */
  async nextResult(): Promise<RawResult> {
    for (;;) {
      const result = this.result()
      if (result !== null) return result
      await new Promise(setImmediate)
    }
  }

  close(): void {
    this.client.close()
    this.worker.close()
  }
}
