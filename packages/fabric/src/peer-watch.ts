import type { ConnectionHandle } from './fabric.ts'
import { checked, libfabricNative, localNative } from './native.ts'

/**
 * Calls `onGone` once, on this thread's event loop, when the peer of an accepted connection has closed it or its
 * process is gone. This works even while the thread that attached the connection computes and does not poll; what the
 * peer wrote before remains for that thread to poll. Data does not wake this thread. Does not keep the process alive.
 *
 * Must be called before the connection is attached. The `memory` fabric has no processes: `onGone` is never called.
 *
 * @returns a function that stops watching; call it once the connection is closed. Calling it twice is fine.
 * @throws {FabricError} `closed` when the connection is closed or, over libfabric, attached; `system`
 */
export function watchPeer(handle: ConnectionHandle, onGone: () => void): () => void {
  const descriptor = hangupDescriptor(handle)
  if (descriptor === null) return () => {}
  const native = localNative()
  let isWatching = true
  const stop = (): void => {
    if (!isWatching) return
    isWatching = false
    native.watchStop(watch)
    native.descriptorClose(descriptor)
  }
  const watch = native.watchStart(descriptor, () => {
    stop()
    onGone()
  })
  if (watch >= 0) return stop
  native.descriptorClose(descriptor)
  return checked(watch, 'Cannot watch the peer of a connection') as never
}

function hangupDescriptor({ fabric, id }: ConnectionHandle): number | null {
  const action = `Cannot watch the peer of connection ${id}`
  switch (fabric) {
    case 'local':
      return checked(localNative().channelPeer(id), action, 'closed')
    case 'tcp':
    case 'verbs':
      return checked(libfabricNative().ofiPeer(id), action, 'closed')
    case 'memory':
      return null
  }
}
