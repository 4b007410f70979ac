/** Size of the number at the start of a message, which identifies the call that a reply belongs to. */
const STAMP_BYTES = 4

export function writeStamp(bytes: Uint8Array, stamp: number): void {
  bytes[0] = stamp
  bytes[1] = stamp >> 8
  bytes[2] = stamp >> 16
  bytes[3] = stamp >> 24
}

export function readStamp(bytes: Uint8Array): number {
  return bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)
}

export function sameAfterStamp(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a.subarray(STAMP_BYTES), b.subarray(STAMP_BYTES)) === 0
}
