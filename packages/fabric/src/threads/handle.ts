import { threadId } from 'node:worker_threads'

import { FabricError } from '../errors.ts'
import type { ConnectionHandle, Geometry } from '../fabric.ts'
import { shapeOf } from '../geometry.ts'
import { RingConnection } from '../local/connection.ts'
import { INTERRUPTED, layoutOf, LOST, type Side } from '../local/layout.ts'
import { ThreadsBell } from './bell.ts'
import { End, otherSide, showSpare, type ThreadsMemory } from './memory.ts'

export interface ThreadsHandle extends ConnectionHandle {
  readonly fabric: 'threads'
  readonly side: Side
  readonly memory: ThreadsMemory
}

let count = 0
const IDS_PER_THREAD = 2 ** 32

export function openThreads(geometry: Geometry, side: Side, memory: ThreadsMemory): ThreadsHandle {
  return { fabric: 'threads', id: threadId * IDS_PER_THREAD + ++count, ...shapeOf(geometry), side, memory }
}

/** @param onClose called when the connection is closed. @throws {FabricError} `closed` */
export function attachThreads(handle: ThreadsHandle, onClose: () => void = () => {}): RingConnection {
  const { id, memory, side, depth, slotBytes = 0 } = handle
  const end = new End(memory, side)
  if (!end.take(threadId)) {
    throw new FabricError('closed', `Cannot attach connection ${id}: it is closed or attached`)
  }
  return new RingConnection({
    fabric: 'threads',
    bell: new ThreadsBell(memory, side, onClose),
    side,
    layout: layoutOf(handle, side),
    depth,
    slotBytes,
    flags: end.flags,
    control: memory.control,
    outbound: memory.windows[side],
    inbound: memory.windows[otherSide(side)],
    spare: {
      outbound: () => showSpare(memory.spares[side]),
      inbound: () => showSpare(memory.spares[otherSide(side)]),
    },
  })
}

export function interruptThreads({ memory, side }: ThreadsHandle): void {
  const end = new End(memory, side)
  if (!end.isGone) end.raise(INTERRUPTED)
}

/** As `watchPeer`. @throws {FabricError} `closed` */
export function watchThreadsPeer({ id, memory, side }: ThreadsHandle, onGone: () => void): () => void {
  const end = new End(memory, side)
  if (end.isGone) throw new FabricError('closed', `Cannot watch the peer of connection ${id}: it is closed`)
  let isWatching = true
  const change = Atomics.waitAsync(end.flags, LOST, 0)
  void (change.async ? change.value : Promise.resolve()).then(() => {
    // Our own end settles the promise, too.
    if (isWatching && Atomics.load(end.flags, LOST) !== 0) onGone()
  })
  return () => {
    isWatching = false
  }
}
