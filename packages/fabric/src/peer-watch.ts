import type { ConnectionHandle } from './fabric.ts'
import { watchLocalPeer } from './local/peer-ends.ts'
import { watchThreadsPeer, type ThreadsHandle } from './threads/handle.ts'
import { checked, verbsNative, hostNative } from './native.ts'

/**
 * How often a TCP socket is asked whether its peer is gone. A descriptor that waits for that would cost every arrival on
 * the socket: measured, 10 % of a hot invocation.
 */
const ASK_MS = 250

/**
 * Calls `onGone` once, on this thread's event loop, when the peer of an accepted connection has closed it or its
 * process is gone. This works even while the thread that attached the connection computes and does not poll; what the
 * peer wrote before remains for that thread to poll. Data does not wake this thread. Does not keep the process alive.
 *
 * Must be called before the connection is attached. The `memory` fabric has no processes: `onGone` is never called.
 *
 * @returns a function that stops watching; call it once the connection is closed. Calling it twice is fine.
 * @throws {FabricError} `closed` when the connection is closed or, over `verbs`, attached; `system`
 */
export function watchPeer(handle: ConnectionHandle, onGone: () => void): () => void {
  const { fabric, id } = handle
  const action = `Cannot watch the peer of connection ${id}`
  switch (fabric) {
    case 'local':
      return watchLocalPeer(id, action, onGone)
    case 'verbs':
      return waitForEnd(checked(verbsNative().ofiPeer(id), action, 'closed'), onGone)
    case 'tcp':
      checked(hostNative().tcpEnded(id), action, 'closed')
      return askForEnd(id, onGone)
    case 'threads':
      return watchThreadsPeer(handle as ThreadsHandle, onGone)
    case 'memory':
      return () => {}
  }
}

/** @param descriptor readable once the peer is gone; closed with the watch */
function waitForEnd(descriptor: number, onGone: () => void): () => void {
  const native = hostNative()
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

function askForEnd(connection: number, onGone: () => void): () => void {
  const native = hostNative()
  const timer = setInterval(() => {
    const ended = native.tcpEnded(connection)
    if (ended !== 0) clearInterval(timer)
    if (ended === 1) onGone()
  }, ASK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
