import { once } from 'node:events'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { ANSWER_BYTE, END, pollPast, REQUEST_BYTE, SHARED_BYTES, sideOf } from './bare-peer.ts'
import { measureRoundTrips, TRIP_BYTES, type RoundTrips, type Trip } from './round-trips.ts'

/** What the machine and Node.js give without rfaas: the same payload to another thread and back. */
export interface Bare {
  /** Both threads poll a word in shared memory: what a cache line takes there and back. */
  memory: RoundTrips
  /** A TCP connection of node:net over the loopback. */
  socket: RoundTrips
}

/**
 * @param signal ends it within a batch; its reason is thrown
 * @param onProgress called with the part that is done, up to 1
 */
export async function measureBare(signal: AbortSignal, onProgress: (part: number) => void): Promise<Bare> {
  const memory = await measureMemory(signal, (part) => onProgress(part / 2))
  const socket = await measureSocket(signal, (part) => onProgress((1 + part) / 2))
  return { memory, socket }
}

async function measureMemory(signal: AbortSignal, onProgress: (part: number) => void): Promise<RoundTrips> {
  const memory = new SharedArrayBuffer(SHARED_BYTES)
  const side = sideOf(memory, REQUEST_BYTE, ANSWER_BYTE)
  const { words, mine, output, input } = side
  const worker = new Worker(new URL('./bare-peer.ts', import.meta.url), { workerData: memory })
  const exited = once(worker, 'exit')
  await once(worker, 'message')
  let sent = 0
  const trip: Trip = (round) => {
    output[0] = round
    Atomics.store(words, mine, sent + 1)
    sent = pollPast(side, sent)
    if (input[0] !== output[0]) throw new Error(`Round ${round} did not bring back what it took`)
  }
  try {
    return await measureRoundTrips(trip, signal, onProgress)
  } finally {
    Atomics.store(words, mine, END)
    await exited
  }
}

async function measureSocket(signal: AbortSignal, onProgress: (part: number) => void): Promise<RoundTrips> {
  const worker = new Worker(new URL('./bare-peer.ts', import.meta.url))
  const exited = once(worker, 'exit')
  const [port] = (await once(worker, 'message')) as [number]
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const payload = new Uint8Array(TRIP_BYTES)
  let arrived = (): void => {}
  let missing = 0
  socket.on('data', (chunk) => {
    missing -= chunk.length
    if (missing === 0) arrived()
  })
  const trip: Trip = (round) => {
    payload[0] = round
    missing = TRIP_BYTES
    socket.write(payload)
    return new Promise((resolve) => (arrived = resolve))
  }
  try {
    return await measureRoundTrips(trip, signal, onProgress)
  } finally {
    socket.destroy()
    await exited
  }
}
