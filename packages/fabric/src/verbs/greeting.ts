import { timingSafeEqual } from 'node:crypto'

import { SECRET_BYTES, type Geometry } from '../fabric.ts'
import { mirrored } from '../geometry.ts'

/** What the connecting side shows: the secret, then a digest of the geometry. */
export const GREETING_BYTES: number = SECRET_BYTES + 4

/** FNV-1a over the numbers as the connecting side sees them: a listener refuses another geometry before it accepts. */
function geometryDigest({ outboundBytes, inboundBytes, depth, slotBytes = 0, spareBytes = 0 }: Geometry): number {
  let hash = 0x811c9dc5
  for (const value of [outboundBytes, inboundBytes, depth, slotBytes, spareBytes]) {
    for (let shift = 0; shift < 48; shift += 8) {
      hash = Math.imul(hash ^ (Math.floor(value / 2 ** shift) & 0xff), 0x01000193) >>> 0
    }
  }
  return hash
}

export function greetingOf(options: Geometry & { secret: Uint8Array }): Uint8Array {
  const greeting = new Uint8Array(GREETING_BYTES)
  greeting.set(options.secret)
  new DataView(greeting.buffer).setUint32(SECRET_BYTES, geometryDigest(options), true)
  return greeting
}

/** Whether a peer's greeting shows the listener's secret and mirrors its geometry; in constant time. */
export function acceptsGreeting(greeting: Uint8Array, options: Geometry & { secret: Uint8Array }): boolean {
  return timingSafeEqual(greeting, greetingOf(mirrored(options)))
}
