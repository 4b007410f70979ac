import type { Bounds } from './effort.ts'
import type { Lane, PeerClient } from './peer.ts'
import { readStamp, writeStamp } from './stamp.ts'
import { turn } from './turn.ts'

/**
 * Measures the rate of many calls in flight: on every lane one after the other or, if the peer has an interface for
 * that, one on all lanes at a time.
 *
 * @returns calls per second, measured until the last reply
 */
export function callsPerSecond(
  client: Pick<PeerClient, 'echoAllSync'>,
  lanes: readonly Lane[],
  bounds: Bounds,
): Promise<number> {
  return client.echoAllSync ? inBatches(client as Required<PeerClient>, lanes, bounds) : inLanes(lanes, bounds)
}

function inLanes(lanes: readonly Lane[], { trips, budgetMs }: Bounds): Promise<number> {
  // Reading the clock takes a tenth of the time of the fastest call, so short calls read it less often.
  const callsPerLook = lanes[0]!.input.length > LOOK_PAYLOAD_BYTES ? 1 : lanes.length
  const beganMs = performance.now()
  let begun = 0
  let done = 0
  let over = false
  return new Promise((resolve, reject) => {
    const run = (lane: Lane): void => {
      let stamp = 0
      const send = (): void => {
        stamp = begun++
        writeStamp(lane.input, stamp)
        lane.echo(received)
      }
      const received = (reply: Uint8Array): void => {
        if (!isReplyTo(stamp, reply, lane)) return reject(wrong(stamp, reply))
        done++
        over ||= begun >= trips || (done % callsPerLook === 0 && performance.now() - beganMs > budgetMs)
        if (!over) send()
        else if (done === begun) resolve((done / (performance.now() - beganMs)) * 1000)
      }
      send()
    }
    lanes.forEach(run)
  })
}

async function inBatches(
  client: Required<PeerClient>,
  lanes: readonly Lane[],
  { trips, budgetMs }: Bounds,
): Promise<number> {
  const beganMs = performance.now()
  let done = 0
  let batch = 0
  let batches = 0
  const received = (reply: Uint8Array, lane: number): void => {
    if (!isReplyTo(batch + lane, reply, lanes[lane]!)) throw wrong(batch + lane, reply)
    done++
  }
  while (done < trips && performance.now() - beganMs <= budgetMs) {
    const part = trips - done < lanes.length ? lanes.slice(0, trips - done) : lanes
    batch = done
    part.forEach(({ input }, lane) => writeStamp(input, batch + lane))
    client.echoAllSync(part, received)
    if (++batches % BATCHES_PER_TURN === 0) await turn()
  }
  return (done / (performance.now() - beganMs)) * 1000
}

const BATCHES_PER_TURN = 300
const LOOK_PAYLOAD_BYTES = 1 << 16

function isReplyTo(stamp: number, reply: Uint8Array, { input }: Lane): boolean {
  return reply.length === input.length && readStamp(reply) === stamp
}

function wrong(stamp: number, reply: Uint8Array): Error {
  return new Error(`A reply of ${reply.length} bytes, number ${readStamp(reply)}, is not of call ${stamp}`)
}
