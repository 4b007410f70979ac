/** The view program: uses windows of connections that close meanwhile. It ends with 0 unless something breaks. */
import assert from 'node:assert/strict'
import { randomFill } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { gzip } from 'node:zlib'

import { dieWithParent } from '../host.ts'
import { openFabric } from '../index.ts'
import { pair, type Pair } from './harness.ts'
import type { ViewSpec } from './view-spec.ts'

const MIB = 2 ** 20
const WINDOW_BYTES = 4 * MIB
const fill = promisify(randomFill)
const compress = promisify(gzip)

const spec = isMainThread ? (JSON.parse(process.argv[2]!) as ViewSpec) : (workerData as ViewSpec)
const fabric = openFabric(spec.fabric)

function connect(): Promise<Pair> {
  const hosts = { near: spec.host, far: spec.host }
  const harness = { fabric, separate: false, countsDepth: false, hosts }
  return pair(harness, { outboundBytes: WINDOW_BYTES, inboundBytes: WINDOW_BYTES, depth: 4 })
}

/** Closes both ends while the work on views of their windows is under way, then waits for it. */
async function closeDuring(work: (view: Uint8Array) => Promise<unknown>): Promise<void> {
  const ends = await connect()
  const windows = [ends.near.outbound, ends.near.inbound, ends.far.outbound, ends.far.inbound]
  const working = windows.map((window) => work(new Uint8Array(window as ArrayBuffer)))
  // Lets the threads of the pool begin.
  await setImmediate()
  ends.near.close()
  ends.far.close()
  for (const window of windows) assert.equal(window.byteLength, 0)
  await Promise.allSettled(working)
}

/** Memory that was moved out of a window before the close stays usable: reading and writing it harms nothing. */
async function moveAway(): Promise<void> {
  const ends = await connect()
  const { outbound, inbound } = ends.near as { outbound: ArrayBuffer; inbound: ArrayBuffer }
  const moved = new Uint8Array(outbound.transfer())
  const copied = new Uint8Array(inbound.transfer(MIB))
  const working = Promise.allSettled([compress(moved), fill(moved), fill(copied)])
  ends.near.close()
  ends.far.close()
  await working
  await setImmediate()
  assert.equal(moved.fill(7).at(-1), 7)
  assert.equal(copied.fill(7).at(-1), 7)
}

/** Takes the memory of a window from a thread that ends after giving it. */
async function takeFromThread(): Promise<void> {
  const thread = new Worker(new URL(import.meta.url), { workerData: spec })
  const exited = once(thread, 'exit')
  const [memory] = (await once(thread, 'message')) as [ArrayBuffer]
  await exited
  const view = new Uint8Array(memory)
  assert.equal(view.length, WINDOW_BYTES)
  assert.equal(view.fill(7).at(-1), 7)
}

async function useViews(): Promise<void> {
  switch (spec.use) {
    case 'read by the thread pool':
      return closeDuring((view) => compress(view, { level: 9 }))
    case 'written by the thread pool':
      return closeDuring((view) => fill(view))
    case 'written to a file': {
      await using file = await open('/dev/null', 'w')
      return await closeDuring((view) => file.write(view))
    }
    case 'moved into another buffer':
      return moveAway()
    case 'moved to another thread':
      return takeFromThread()
  }
}

if (isMainThread) {
  dieWithParent()
  for (let round = 0; round < spec.rounds; round++) await useViews()
  process.disconnect()
} else {
  const { near } = await connect()
  const memory = (near.outbound as ArrayBuffer).transfer()
  parentPort!.postMessage(memory, [memory])
}
