import { pattern } from '../peer.ts'
import type { Lane, PeerClient, PeerOptions } from '../peer.ts'
import { MOVED_BYTES_MIN } from '../worker-threads/client.ts'
import type { PiscinaModule } from './types.ts'

const { Piscina } = (await import('piscina' as string)) as PiscinaModule

export function open({ payloadBytes, outstanding }: PeerOptions): PeerClient {
  const pool = new Piscina({
    filename: new URL('worker.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: outstanding,
    // The fastest of the three modes: the thread sleeps in Atomics.wait instead of in its event loop.
    atomics: 'sync',
    recordTiming: false,
  })
  const moves = payloadBytes >= MOVED_BYTES_MIN

  const openLane = (): Lane => {
    const lane = {
      input: pattern(payloadBytes),
      echo: (done: (reply: Uint8Array) => void): void => {
        const result = moves
          ? pool.run(lane.input, { transferList: [lane.input.buffer as ArrayBuffer] })
          : pool.run(lane.input)
        void result.then((reply) => {
          lane.input = reply as Uint8Array
          done(lane.input)
        })
      },
    }
    return lane
  }
  return { openLane, close: () => pool.destroy() }
}
