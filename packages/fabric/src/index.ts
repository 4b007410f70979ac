import { attachLocal, type LocalHandle } from './local/handle.ts'
import { LocalFabric } from './local/local.ts'
import { attachMemory, interruptMemory, MemoryFabric } from './memory/memory.ts'
import { verbsNative, hostNative } from './native.ts'
import { attachTcp, TcpFabric } from './tcp/tcp.ts'
import { attachVerbs, VerbsFabric } from './verbs/verbs.ts'
import { attachThreads, interruptThreads, type ThreadsHandle } from './threads/handle.ts'
import { guardOfThread, watchChildren } from './threads/guard.ts'
import { ThreadsFabric } from './threads/threads.ts'
import type { Connection, ConnectionHandle, Fabric, FabricName } from './fabric.ts'

export { isNeighbour, linkAddresses, rdmaDevices, type LinkAddress, type RdmaDevice } from './addresses.ts'
export { FabricError, type FabricErrorCode } from './errors.ts'
export {
  fabricFacts,
  likelyFabrics,
  reasonAgainst,
  reasonAgainstVerbs,
  type FabricFact,
  type FabricFacts,
} from './facts.ts'
export * from './fabric.ts'
export { DEPTH_MAX, WINDOW_BYTES_MAX } from './geometry.ts'
export { dieWithParent, exitNow, hostIdentity, yieldProcessor } from './host.ts'
export { NativeLibrary, type NativeFunction } from './native-library.ts'
export { MemoryFabric, type MemoryFabricOptions } from './memory/memory.ts'
export { watchPeer } from './peer-watch.ts'
export { createSharedMemory, mapSharedMemory, type SharedMemory } from './shared-memory.ts'

/** Returns the fabric of that name. For `memory`, each call returns a separate one, without latency or loss. */
export function openFabric(name: FabricName): Fabric {
  switch (name) {
    case 'local':
      return new LocalFabric()
    case 'tcp':
      return new TcpFabric()
    case 'verbs':
      return new VerbsFabric()
    case 'threads':
      return new ThreadsFabric()
    case 'memory':
      return new MemoryFabric()
  }
}

/**
 * Loads what a fabric needs now instead of at its first use. For `verbs` this blocks the thread for a quarter of a
 * second, because libfabric's drivers look for their hardware. For `threads`, the end of threads that this thread starts
 * from now on is noticed.
 *
 * @throws {FabricError} `unsupported`
 */
export function prepareFabric(name: FabricName): void {
  if (name === 'local' || name === 'tcp') hostNative()
  if (name === 'verbs') verbsNative().ofiProbe()
  if (name !== 'threads') return
  watchChildren()
  // `listen` and `connect` report a failure.
  guardOfThread().catch(() => {})
}

/**
 * Makes an accepted connection usable by the calling thread. Once per handle.
 *
 * @throws {FabricError} `closed`, `system`
 */
export function attach(handle: ConnectionHandle): Connection {
  switch (handle.fabric) {
    case 'local':
      return attachLocal(handle as LocalHandle)
    case 'tcp':
      return attachTcp(handle)
    case 'verbs':
      return attachVerbs(handle)
    case 'threads':
      return attachThreads(handle as ThreadsHandle)
    case 'memory':
      return attachMemory(handle)
  }
}

/**
 * Wakes a connection that another thread of this process has attached: its `wait` returns `interrupted`, its `onReady`
 * is called, its `takeInterrupt` returns true once. Has no effect on a closed connection.
 */
export function interrupt(handle: ConnectionHandle): void {
  switch (handle.fabric) {
    case 'local':
      hostNative().channelInterrupt(handle.id)
      return
    case 'tcp':
      hostNative().tcpInterrupt(handle.id)
      return
    case 'verbs':
      verbsNative().ofiInterrupt(handle.id)
      return
    case 'threads':
      interruptThreads(handle as ThreadsHandle)
      return
    case 'memory':
      interruptMemory(handle)
  }
}
