import type { Bounds } from './effort.ts'
import type { Lane } from './peer.ts'
import { readStamp, sameAfterStamp, writeStamp } from './stamp.ts'
import { turn } from './turn.ts'

/**
 * Times one call after the other, each from writing a number into the input until the same number is read from the
 * reply. After the measured time, every byte is compared.
 *
 * @returns nanoseconds, one for each call
 */
export async function timeCalls(lane: Lane, { trips, budgetMs }: Bounds): Promise<Float64Array> {
  const expected = new Uint8Array(lane.input)
  const samplesNs = new Float64Array(trips)
  const endMs = performance.now() + budgetMs
  let count = 0

  /** Records a reply. False when it was the last. */
  const take = (reply: Uint8Array, beganMs: number): boolean => {
    const arrived = readStamp(reply) === count
    const nowMs = performance.now()
    samplesNs[count] = (nowMs - beganMs) * 1e6
    if (!arrived || !sameAfterStamp(reply, expected)) throw new Error(`Reply ${count} is not what was sent`)
    return ++count < trips && nowMs < endMs
  }

  if (lane.echoSync) {
    for (let beganMs = performance.now(); ; beganMs = performance.now()) {
      writeStamp(lane.input, count)
      if (!take(lane.echoSync(), beganMs)) break
      if (count % TRIPS_PER_TURN === 0) await turn()
    }
  } else {
    await new Promise<void>((resolve, reject) => {
      let beganMs = 0
      const send = (): void => {
        beganMs = performance.now()
        writeStamp(lane.input, count)
        lane.echo(received)
      }
      const received = (reply: Uint8Array): void => {
        try {
          if (take(reply, beganMs)) send()
          else resolve()
        } catch (error) {
          reject(error as Error)
        }
      }
      send()
    })
  }
  return samplesNs.subarray(0, count)
}

const TRIPS_PER_TURN = 10_000
