import { FabricError } from '../errors.ts'
import type { ConnectionHandle, Geometry } from '../fabric.ts'
import { shapeOf } from '../geometry.ts'
import { checked, hostNative } from '../native.ts'
import { LocalBell } from './bell.ts'
import { RingConnection } from './connection.ts'
import { FLAG_WORDS, layoutOf, type Side } from './layout.ts'

/** The descriptors that a handshake yields. `openLocal` takes ownership of them. */
export interface LocalDescriptors {
  memory: number
  socket: number
}

export interface LocalHandle extends ConnectionHandle {
  readonly fabric: 'local'
  readonly side: Side
}

/** @throws {FabricError} `system`; the descriptors are closed then too */
export function openLocal(geometry: Geometry, side: Side, descriptors: LocalDescriptors): LocalHandle {
  const native = hostNative()
  const { memory, socket } = descriptors
  const { controlBytes } = layoutOf(geometry, side)
  const id = checked(native.channelOpen(memory, controlBytes, side, socket), 'Cannot open a shared-memory channel')
  return { fabric: 'local', id, ...shapeOf(geometry), side }
}

/** Closes a connection that was never attached. */
export function abandonLocal(handle: LocalHandle): void {
  hostNative().channelClose(handle.id)
}

/** Maps the segment into the calling thread. @throws {FabricError} `closed`, `system` */
export function attachLocal(handle: LocalHandle): RingConnection {
  const native = hostNative()
  const { id, side } = handle
  const layout = layoutOf(handle, side)
  const memory = checked(native.channelAttach(id), `Cannot attach connection ${id}`, 'closed')
  const map = (offset: number, bytes: number): ArrayBuffer | null => native.memoryMap(memory, offset, bytes)
  const peer = side === 0 ? 1 : 0
  const flags = native.channelFlags(id)
  const control = map(0, layout.controlBytes)
  const outbound = map(layout.windowOffset[side], layout.windowBytes[side])
  const inbound = map(layout.windowOffset[peer], layout.windowBytes[peer])
  // Only mapped, and shown when it is needed.
  if (layout.spareBytes > 0)
    native.channelSpare(id, memory, layout.spareOffset[side], layout.spareOffset[peer], layout.spareBytes)
  // The mappings keep the memory alive; the descriptor is no longer needed.
  native.descriptorClose(memory)
  if (flags === null || control === null || outbound === null || inbound === null) {
    for (const buffer of [flags, control, outbound, inbound]) if (buffer !== null) native.memoryDetach(buffer)
    native.channelClose(id)
    throw new FabricError('system', `Cannot map ${layout.totalBytes} bytes of shared memory: the mapping was refused`)
  }
  const mapped = [outbound, inbound, control, flags]
  const show = (room: ArrayBuffer | null): ArrayBuffer => {
    if (room === null) throw new FabricError('system', `Cannot map ${layout.spareBytes} bytes of spare room`)
    mapped.push(room)
    return room
  }
  return new RingConnection({
    fabric: 'local',
    bell: new LocalBell(native, id, mapped),
    side,
    layout,
    depth: handle.depth,
    slotBytes: handle.slotBytes ?? 0,
    flags: new Int32Array(flags, 0, FLAG_WORDS),
    control,
    outbound,
    inbound,
    spare: {
      outbound: () => show(native.channelOutboundSpare(id)),
      inbound: () => show(native.channelInboundSpare(id)),
    },
  })
}
