import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { pattern } from '../peer.ts'
import type { Lane, PeerClient, PeerOptions } from '../peer.ts'

/** From this size it is faster to transfer the memory than to copy it. */
export const MOVED_BYTES_MIN = 4096

export async function open({ payloadBytes }: PeerOptions): Promise<PeerClient> {
  const moves = payloadBytes >= MOVED_BYTES_MIN
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: { moves } })
  await once(worker, 'online')
  const waiting: ((reply: Uint8Array) => void)[] = []
  worker.on('message', (reply: Uint8Array) => waiting.shift()!(reply))

  const openLane = (): Lane => {
    const lane = {
      input: pattern(payloadBytes),
      echo: (done: (reply: Uint8Array) => void): void => {
        waiting.push((reply) => {
          // The reply's memory now belongs to this side; it is the next message.
          lane.input = reply
          done(reply)
        })
        worker.postMessage(lane.input, moves ? [lane.input.buffer as ArrayBuffer] : [])
      },
    }
    return lane
  }
  const close = async (): Promise<void> => void (await worker.terminate())
  return { openLane, close }
}
