import { constants, type Http2Stream } from 'node:http2'
import type { DescMethod } from '@bufbuild/protobuf'

/** Content type of one binary message, the body of a unary call and of its answer. */
export const PROTO = 'application/proto'

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}

/**
 * Calls `done` once: with all bytes of a stream, or with null as soon as they are too many. Does not call it when the
 * stream is ended before its time: its bytes are no message then.
 *
 * @param take asked before each piece is kept; false counts as too many bytes
 */
export function collect(
  stream: Http2Stream,
  bytesMax: number,
  done: (bytes: Uint8Array | null) => void,
  take: (bytes: number) => boolean = () => true,
): void {
  const chunks: Buffer[] = []
  let length = 0
  let isRefused = false
  stream.on('data', (chunk: Buffer) => {
    if (isRefused) return
    length += chunk.length
    isRefused = length > bytesMax || !take(chunk.length)
    if (!isRefused) return void chunks.push(chunk)
    chunks.length = 0
    done(null)
  })
  stream.once('end', () => {
    // Node.js emits `end` also when the other side has given up.
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR || isRefused) return
    done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
  })
}
