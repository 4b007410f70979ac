import { checked, hostNative } from '../native.ts'

/** What to call when the peer of a channel is gone, by the channel's number. All of a thread share one descriptor. */
const onGone = new Map<number, () => void>()
let descriptor = -1
let watch = -1

/**
 * Calls back once, on this thread's event loop, when the peer of a channel is gone; not for data, nor when we close it.
 *
 * @param action begins the sentence of an error
 * @returns a function that stops watching; calling it twice is fine
 * @throws {FabricError} `closed` when there is no such channel; `system`
 */
export function watchLocalPeer(channel: number, action: string, callback: () => void): () => void {
  if (onGone.size === 0) open(action)
  const result = hostNative().channelPeer(channel, descriptor, 1)
  if (result < 0 && onGone.size === 0) shut()
  checked(result, action, 'closed')
  onGone.set(channel, callback)
  return () => void stop(channel)
}

/** Returns what was to be called. */
function stop(channel: number): (() => void) | undefined {
  const callback = onGone.get(channel)
  if (callback === undefined) return undefined
  onGone.delete(channel)
  // A channel that is closed has left the descriptor by itself.
  hostNative().channelPeer(channel, descriptor, 0)
  if (onGone.size === 0) shut()
  return callback
}

function readable(): void {
  const gone = hostNative().channelPeerGone(descriptor)
  // One for each call: what it throws must not keep the others from being called.
  if (gone > 0) stop(gone)?.()
}

function open(action: string): void {
  const native = hostNative()
  descriptor = checked(native.channelPeers(), action)
  watch = native.watchStart(descriptor, readable)
  if (watch >= 0) return
  native.descriptorClose(descriptor)
  checked(watch, action)
}

function shut(): void {
  hostNative().watchStop(watch)
  hostNative().descriptorClose(descriptor)
}
