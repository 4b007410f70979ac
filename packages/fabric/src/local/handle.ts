import { FabricError } from '../errors.ts'
import type { ConnectionHandle, Geometry } from '../fabric.ts'
import { checked, localNative } from '../native.ts'
import { LocalConnection } from './connection.ts'
import { layoutOf, type Side } from './layout.ts'

/** The descriptors that a handshake ends with. `openLocal` takes them over. */
export interface LocalDescriptors {
  memory: number
  socket: number
  ownEvent: number
  peerEvent: number
}

export interface LocalHandle extends ConnectionHandle {
  readonly fabric: 'local'
  readonly side: Side
  readonly memory: number
  readonly ownEvent: number
}

/** @throws {FabricError} `system`; the descriptors are closed then too */
export function openLocal(geometry: Geometry, side: Side, descriptors: LocalDescriptors): LocalHandle {
  const native = localNative()
  const { memory, socket, ownEvent, peerEvent } = descriptors
  const { outboundBytes, inboundBytes, depth } = geometry
  const id = native.channelOpen(memory, layoutOf(geometry, side).controlBytes, side, socket, ownEvent, peerEvent)
  if (id < 0) native.descriptorClose(memory)
  checked(id, 'Cannot open a shared-memory channel')
  return { fabric: 'local', id, outboundBytes, inboundBytes, depth, side, memory, ownEvent }
}

/** Gives back a connection that nobody attached. */
export function abandonLocal(handle: LocalHandle): void {
  const native = localNative()
  native.channelClose(handle.id)
  native.descriptorClose(handle.memory)
}

/** Maps the segment into the calling thread. @throws {FabricError} `system` */
export function attachLocal(handle: LocalHandle): LocalConnection {
  const native = localNative()
  const { side, memory } = handle
  const layout = layoutOf(handle, side)
  const map = (offset: number, bytes: number): ArrayBuffer | null => native.memoryMap(memory, offset, bytes)
  const peer = side === 0 ? 1 : 0
  const control = map(0, layout.controlBytes)
  const outbound = map(layout.windowOffset[side], layout.windowBytes[side])
  const inbound = map(layout.windowOffset[peer], layout.windowBytes[peer])
  if (control === null || outbound === null || inbound === null) {
    for (const buffer of [control, outbound, inbound]) if (buffer !== null) native.memoryDetach(buffer)
    abandonLocal(handle)
    throw new FabricError('system', `Cannot map ${layout.totalBytes} bytes of shared memory: the mapping was refused`)
  }
  // The mappings keep the memory; its descriptor has done its work.
  native.descriptorClose(memory)
  return new LocalConnection({
    native,
    channel: handle.id,
    ownEvent: handle.ownEvent,
    side,
    layout,
    depth: handle.depth,
    control,
    outbound,
    inbound,
  })
}
