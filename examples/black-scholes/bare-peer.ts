/** The other thread of `bare.ts`: sends back what it gets, through shared memory or through a socket of node:net. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { TRIP_BYTES } from './round-trips.ts'

/** Where the two words lie that say that a payload is there, and the payloads behind them: each on its own line. */
export const REQUEST_BYTE = 0
export const ANSWER_BYTE = 256
const PAYLOAD_BYTES_BEHIND = 64
export const SHARED_BYTES = 512

/** One side of the memory: the word to write, the word to wait for, and the payload behind each. */
export interface Side {
  words: Int32Array
  mine: number
  theirs: number
  output: Uint8Array
  input: Uint8Array
}

export function sideOf(memory: SharedArrayBuffer, mine: number, theirs: number): Side {
  const payload = (at: number): Uint8Array => new Uint8Array(memory, at + PAYLOAD_BYTES_BEHIND, TRIP_BYTES)
  return {
    words: new Int32Array(memory),
    mine: mine / 4,
    theirs: theirs / 4,
    output: payload(mine),
    input: payload(theirs),
  }
}

/** Polls between two short sleeps: where another process has the other side's processor, polling only keeps it there. */
const POLLS_PER_SLEEP = 10_000
const SLEEP_MS = 0.05

/** Polls until the other side has written something other than `last`; returns that. */
export function pollPast({ words, theirs }: Side, last: number): number {
  for (let polls = 1; ; polls++) {
    const value = Atomics.load(words, theirs)
    if (value !== last) return value
    if (polls % POLLS_PER_SLEEP === 0) Atomics.wait(words, theirs, last, SLEEP_MS)
  }
}

/** Written to the word of requests instead of a number: the peer ends. */
export const END = -1

function serveMemory(memory: SharedArrayBuffer): void {
  const side = sideOf(memory, ANSWER_BYTE, REQUEST_BYTE)
  for (let last = 0; (last = pollPast(side, last)) !== END;) {
    side.output.set(side.input)
    Atomics.store(side.words, side.mine, last)
  }
}

async function serveSocket(): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.pipe(socket)
    socket.once('close', () => server.close())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  parentPort!.postMessage((server.address() as AddressInfo).port)
}

if (parentPort !== null) {
  if (workerData instanceof SharedArrayBuffer) {
    parentPort.postMessage('ready')
    serveMemory(workerData)
  } else {
    await serveSocket()
  }
}
