import type { ConnectionHandle, Connection, Fabric, Geometry, Listener } from '../fabric.ts'
import { mirrored } from '../geometry.ts'
import { attach } from '../index.ts'
import { PATIENCE } from './patience.ts'

/** What the suite must know of a fabric to test it. */
export interface Harness {
  readonly fabric: Fabric
  /** Whether the two ends can live in two threads or processes. */
  readonly separate: boolean
  /** Where the other ends of the tests live. Default: in processes. A fabric of one process has them in threads. */
  readonly peers?: 'processes' | 'threads'
  /** Whether closing empties views of a window and gives its memory back. Default true. */
  readonly detaches?: boolean
  /** Whether `write` knows what the peer has not polled yet, and gives false beyond `depth`. */
  readonly countsDepth: boolean
  /** The IP addresses that this process and the peer processes listen on. Default 127.0.0.1 for both. */
  readonly hosts?: { near: string; far: string }
  /** Whether it runs on an emulated machine, where repetitions are fewer. */
  readonly emulated?: boolean
  /** Opens a listener that takes a connection and never answers. Left out where that is impossible. */
  silentListener?(): Promise<{ address: string; close(): void }>
  /** Sends a listener what no peer would send, and resolves when it is sent. */
  sayGarbage?(address: string): Promise<void>
}

/** Ends a wait for what never comes. Longer than any disturbance of a busy machine; a lost wake-up takes for ever. */
export const PATIENCE_MS: number = 20_000 * PATIENCE
/** Ends a wait for an end to notice that the other is gone, which takes milliseconds. */
export const NOTICE_MS: number = PATIENCE_MS

export const SECRET: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index * 7 + 1)

export const SMALL: Geometry = { outboundBytes: 4096, inboundBytes: 4096, depth: 16 }

/** Listens, until the end of the scope, for peers whose own view of the geometry is `geometry`. */
export async function listen(harness: Harness, geometry: Geometry = SMALL): Promise<Listener & Disposable> {
  const host = harness.hosts?.near ?? '127.0.0.1'
  const listener = await harness.fabric.listen({ ...mirrored(geometry), secret: SECRET, host })
  return Object.assign(listener, { [Symbol.dispose]: () => listener.close() })
}

export interface Pair extends Disposable {
  /** The end that connected. */
  near: Connection
  /** The end that was accepted. */
  far: Connection
  farHandle: ConnectionHandle
}

/** Both ends of a connection in this thread; closed at the end of the scope. */
export async function pair(harness: Harness, geometry: Geometry = SMALL): Promise<Pair> {
  using listener = await listen(harness, geometry)
  const accepting = listener.accept()
  const near = await harness.fabric.connect(listener.address, { ...geometry, secret: SECRET })
  const farHandle = await accepting
  const far = attach(farHandle)
  return {
    near,
    far,
    farHandle,
    [Symbol.dispose]() {
      near.close()
      far.close()
    },
  }
}
