import { attach, MemoryFabric, type Connection } from '@rfaas/fabric'

import { METER_BYTES, Meters } from '../../accounting/meters.ts'
import type { LoadedFunction } from '../../executor/load.ts'
import { sayFarewell } from '../../executor/farewell.ts'
import { InvocationServer } from '../../executor/server.ts'
import { isRaw } from '../../raw.ts'
import { geometryOf, slotLayout, type SlotLayout } from '../../protocol/slots.ts'
import { Channel } from './channel.ts'
import type { RemoteFunction } from './wire.ts'

type Module = Record<string, (...args: never[]) => unknown>

/** For tests: a client's channel and the worker behind it, over the in-process fabric. */
export interface TestWorker {
  channel: Channel
  /** Invocations that the worker was sent. */
  served(): number
  /** Resolves when the worker has served everything that it was sent. */
  answered(): Promise<void>
  /** The worker says farewell, and serves nothing from then on. */
  drain(): void
}

/**
 * A worker that serves the module on the event loop.
 *
 * @param maySend asked before every message of the client; false: the fabric has no room for it
 * @param layout default: payloads have at most 256 bytes
 */
export async function startTestWorker(
  module: Module,
  slots: number,
  maySend: () => boolean = () => true,
  layout: SlotLayout = slotLayout(slots, 256),
): Promise<TestWorker> {
  const fabric = new MemoryFabric()
  const secret = new Uint8Array(32)
  const geometry = { ...geometryOf(layout), secret }
  const listener = await fabric.listen(geometry)
  const near = await fabric.connect(listener.address, geometry)
  const far = attach(await listener.accept())
  listener.close()
  const loaded = Object.entries(module).map(([name, call]) => {
    return { name, raw: isRaw(call), streams: isStreaming(call), call }
  }) as LoadedFunction[]
  const meters = new Meters(new ArrayBuffer(METER_BYTES), 0)
  const server = new InvocationServer(far, layout, loaded, { meters, index: 0, count: 1 })
  const served = (): number => meters.read().invocations
  let isDrained = false
  far.ref()
  far.onReady = () => {
    if (isDrained) return
    do {
      // Answers to a client that has gone meanwhile have nobody to go to.
      for (let slot = far.poll(); slot >= 0 && far.state === 'open'; slot = far.poll()) server.serve(slot)
    } while (far.state === 'open' && !far.arm())
    if (far.state === 'lost') far.close()
  }
  far.arm()
  return {
    channel: new Channel(withSend(near, maySend), layout, 'The worker'),
    served,
    answered: async () => {
      for (const before = served(); served() === before;) await new Promise(setImmediate)
    },
    drain: () => {
      isDrained = true
      sayFarewell(far)
    },
  }
}

/** A function of the module, as the client knows it. */
export function remote(module: Module, name: string): RemoteFunction {
  const f = module[name]
  return { name, index: Object.keys(module).indexOf(name), raw: isRaw(f), streams: isStreaming(f) }
}

function isStreaming(f: unknown): boolean {
  return /Generator/.test(Object.prototype.toString.call(f))
}

/** The same connection, except that it refuses messages while `maySend` is false. */
function withSend(connection: Connection, maySend: () => boolean): Connection {
  return new Proxy(connection, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || name === 'onReady') return value
      const method = value.bind(target) as (...args: unknown[]) => unknown
      return name === 'send' || name === 'write' ? (...args: unknown[]) => maySend() && method(...args) : method
    },
  })
}
