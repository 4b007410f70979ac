import { timingSafeEqual } from 'node:crypto'

import { SECRET_BYTES, type Geometry } from '../fabric.ts'

/** The greeting: magic, version, secret, geometry as the connecting side sees it. All little-endian. */
const MAGIC = 0x53616672 // "rfaS"
const VERSION = 4
export const HELLO_BYTES: number = 8 + SECRET_BYTES + 40

export interface Hello extends Geometry {
  secret: Uint8Array
}

/** The listener's answer, one byte; ACCEPTED comes with one descriptor, that of the shared memory. */
export const ACCEPTED = 1
export const REFUSED = 2

export function encodeHello(hello: Hello): Uint8Array {
  const bytes = new Uint8Array(HELLO_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, VERSION, true)
  bytes.set(hello.secret, 8)
  view.setFloat64(8 + SECRET_BYTES, hello.outboundBytes, true)
  view.setFloat64(16 + SECRET_BYTES, hello.inboundBytes, true)
  view.setFloat64(24 + SECRET_BYTES, hello.depth, true)
  view.setFloat64(32 + SECRET_BYTES, hello.slotBytes ?? 0, true)
  view.setFloat64(40 + SECRET_BYTES, hello.spareBytes ?? 0, true)
  return bytes
}

/** Whether a greeting shows the listener's secret and mirrors its geometry. The secret is compared in constant time. */
export function acceptsHello(bytes: Uint8Array, expected: Hello): boolean {
  if (bytes.length !== HELLO_BYTES) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const secretIsRight = timingSafeEqual(bytes.subarray(8, 8 + SECRET_BYTES), expected.secret)
  return (
    secretIsRight &&
    view.getUint32(0, true) === MAGIC &&
    view.getUint32(4, true) === VERSION &&
    // Object.is, because −0 is not what a client sends for 0.
    Object.is(view.getFloat64(8 + SECRET_BYTES, true), expected.inboundBytes) &&
    Object.is(view.getFloat64(16 + SECRET_BYTES, true), expected.outboundBytes) &&
    Object.is(view.getFloat64(24 + SECRET_BYTES, true), expected.depth) &&
    Object.is(view.getFloat64(32 + SECRET_BYTES, true), expected.slotBytes ?? 0) &&
    Object.is(view.getFloat64(40 + SECRET_BYTES, true), expected.spareBytes ?? 0)
  )
}
