import { attach, MemoryFabric, type Connection, type ConnectionHandle } from '@rfaas/fabric'

import {
  HEADER_BYTES,
  HEADER_FUNCTION,
  HEADER_ID,
  HEADER_PAYLOAD_BYTES,
  HEADER_STATUS,
  type SlotLayout,
} from '../protocol/slots.ts'

/** What came back in a slot. */
export interface RawResult {
  slot: number
  id: number
  status: number
  payload: Uint8Array
}

/** For tests: a worker's connection over the in-process fabric, and a client that writes headers by hand, wrong ones too. */
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
    const geometry = {
      outboundBytes: layout.windowBytes,
      inboundBytes: layout.windowBytes,
      depth: layout.depth,
      secret,
    }
    const listener = await fabric.listen(geometry)
    const client = await fabric.connect(listener.address, geometry)
    const handle = await listener.accept()
    listener.close()
    return new TestPair(layout, client, handle)
  }

  /** Sends an invocation. `claimedBytes`: what the header says of the payload. */
  invoke(slot: number, f: number, payload: Uint8Array, claimedBytes: number = payload.length, id = 0): void {
    const offset = slot * this.layout.slotBytes
    const header = this.client.headerOut(offset)
    this.client.headersOut[header + HEADER_ID] = id
    this.client.headersOut[header + HEADER_FUNCTION] = f
    this.client.headersOut[header + HEADER_PAYLOAD_BYTES] = claimedBytes
    new Uint8Array(this.client.outbound).set(payload, offset + HEADER_BYTES)
    this.client.write(offset, HEADER_BYTES + payload.length, slot)
  }

  /** The next result, or null when there is none yet. */
  result(): RawResult | null {
    const slot = this.client.poll()
    if (slot < 0) return null
    const offset = slot * this.layout.slotBytes
    const header = this.client.headerIn(offset)
    const words = this.client.headersIn
    const bytes = words[header + HEADER_PAYLOAD_BYTES]!
    return {
      slot,
      id: words[header + HEADER_ID]!,
      status: words[header + HEADER_STATUS]!,
      payload: new Uint8Array(this.client.inbound.slice(offset + HEADER_BYTES, offset + HEADER_BYTES + bytes)),
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
