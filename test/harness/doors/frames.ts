/** HTTP/2 frames made by hand (RFC 9113), because no well-behaved client sends what these tests send. */
export const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, CONTINUATION: 9 } as const
export const END_STREAM = 1
const ACK = 1
const END_HEADERS = 4

export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** @param length the length that the header states; by default the real one */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(),
  length: number = payload.byteLength,
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

export const SETTINGS: Buffer = frame(FRAME.SETTINGS, 0, 0)
export const SETTINGS_ACK: Buffer = frame(FRAME.SETTINGS, ACK, 0)
export const PING: Buffer = frame(FRAME.PING, 0, 0, Buffer.alloc(8))

/**
 * Header fields in the given order, with duplicates, as one HEADERS frame and as many CONTINUATION frames as needed.
 */
export function headersFrames(streamId: number, fields: readonly (readonly [string, string])[], flags = 0): Buffer {
  const block = Buffer.concat(fields.map(([name, value]) => literal(name, value)))
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < block.length; at += 16_000) {
    const isLast = at + 16_000 >= block.length
    const type = at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION
    const own = (at === 0 ? flags : 0) | (isLast ? END_HEADERS : 0)
    frames.push(frame(type, own, streamId, block.subarray(at, at + 16_000)))
  }
  return Buffer.concat(frames)
}

/** A header field without compression (RFC 7541, 6.2.2). */
function literal(name: string, value: string): Buffer {
  const text = (of: string): Buffer => {
    const bytes = Buffer.from(of, 'latin1')
    return Buffer.concat([integer(bytes.length), bytes])
  }
  return Buffer.concat([Buffer.of(0), text(name), text(value)])
}

/** An integer with a prefix of 7 bits (RFC 7541, 5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value)
  const bytes = [127]
  for (value -= 127; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Buffer.of(...bytes, value)
}

export function resetFrame(streamId: number, code: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  return frame(FRAME.RST_STREAM, 0, streamId, payload)
}
