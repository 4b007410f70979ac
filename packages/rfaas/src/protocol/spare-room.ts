import { LARGE_SENT, LARGE_TAKEN, type SlotLayout } from './slots.ts'

/** What the spare rooms need of the fabric's connection. */
export interface SpareConnection {
  outboundSpare(): ArrayBufferLike
  inboundSpare(): ArrayBufferLike
  write(offset: number, byteLength: number, immediate: number): boolean
  send(slot: number, byteLength: number, word0: number, word1: number, word2: number): boolean
}

/**
 * One end's way to send payloads that are larger than a slot. Behind the slots of each window is spare room for one large
 * payload. Its sender fills it, announces it with the immediate LARGE_SENT, and sends the message of its slot, without
 * bytes: the third word says how many bytes lie in the spare room. When the receiver has copied or decoded them, it
 * answers LARGE_TAKEN; then the room is free for the next large payload, of whichever slot.
 */
export class SpareRoom {
  /** Whether our outbound room holds a payload that the peer has not taken. Set by the user of the room. */
  isTaken = false
  /** Whether the peer's payload lies in our inbound room. Set by the user of the room, until {@link tellTaken}. */
  hasArrived = false
  readonly #connection: SpareConnection
  readonly #layout: SlotLayout

  constructor(connection: SpareConnection, layout: SlotLayout) {
    this.#connection = connection
    this.#layout = layout
  }

  /** The first bytes of the room that we fill. @throws {FabricError} `system`, `closed` */
  outbound(byteLength: number): Uint8Array {
    return new Uint8Array(this.#connection.outboundSpare(), 0, byteLength)
  }

  /** The first bytes of the room that the peer fills. @throws {FabricError} `system`, `closed` */
  inbound(byteLength: number): Uint8Array {
    return new Uint8Array(this.#connection.inboundSpare(), 0, byteLength)
  }

  /** Sends what lies in the outbound room, as the payload of a slot. @returns false when the fabric has no room now */
  send(slot: number, byteLength: number, word0: number, word1: number): boolean {
    const connection = this.#connection
    // When only the first of the two can leave now, the next attempt sends it again, which changes nothing.
    if (!connection.write(this.#layout.windowBytes, byteLength, LARGE_SENT)) return false
    return connection.send(slot, 0, word0, word1, byteLength)
  }

  /** Tells the peer that its payload is taken. @returns false when the fabric has no room now */
  tellTaken(): boolean {
    if (!this.#connection.write(0, 0, LARGE_TAKEN)) return false
    this.hasArrived = false
    return true
  }

  /** Whether an immediate that names no slot belongs to the spare rooms. A peer that sends any other is broken. */
  hear(immediate: number): boolean {
    if (this.#layout.spareBytes === 0) return false
    if (immediate === LARGE_SENT) return true
    if (immediate !== LARGE_TAKEN || !this.isTaken) return false
    this.isTaken = false
    return true
  }
}
