import { local } from 'rfaas'
import type { Cluster, FabricChoice, Lease, Slot } from 'rfaas'
import type * as Functions from '../../trials/functions.ts'
import { pattern } from '../peer.ts'
import type { Lane, PeerClient, PeerOptions } from '../peer.ts'

interface SlotLane extends Lane {
  slot: Slot
}

/** In place: the caller writes its input directly into the slot, and reads the result where it was delivered. */
export async function openInPlace(options: PeerOptions, fabric: FabricChoice = 'local'): Promise<PeerClient> {
  const { cluster, lease } = await openLease(options, fabric)
  const openLane = (): SlotLane => {
    const slot = lease.reserve(options.payloadBytes)
    slot.input.set(pattern(options.payloadBytes))
    return {
      slot,
      input: slot.input,
      echo: (done) => void lease.invoke('echo', slot).then(done),
      echoSync: () => lease.invokeSync('echo', slot),
    }
  }
  let known: readonly Lane[] = []
  let slots: Slot[] = []
  const echoAllSync: NonNullable<PeerClient['echoAllSync']> = (lanes, done) => {
    if (lanes !== known) slots = lanes.map((lane) => (lane as SlotLane).slot)
    known = lanes
    lease.invokeAllSync('echo', slots)
    for (let lane = 0; lane < slots.length; lane++) done(slots[lane]!.output, lane)
  }
  return { openLane, echoAllSync, close: () => close(cluster, lease) }
}

/** `await lease.call.echo(bytes)`: the caller's bytes are copied to the worker, and the result is the caller's own. */
export async function openAwaited(options: PeerOptions): Promise<PeerClient> {
  const { cluster, lease } = await openLease(options, 'local')
  const openLane = (): Lane => {
    const input = pattern(options.payloadBytes)
    return { input, echo: (done) => void lease.call.echo(input).then(done) }
  }
  return { openLane, close: () => close(cluster, lease) }
}

async function openLease({ payloadBytes, outstanding }: PeerOptions, fabric: FabricChoice) {
  const cluster = await local({ cores: 1, pool: 0 })
  const lease = await cluster.lease<typeof Functions>({
    functions: new URL('../../trials/functions.ts', import.meta.url),
    fabric,
    hotTimeoutMs: 'always',
    slots: outstanding,
    payloadBytesMax: Math.max(4096, payloadBytes),
    memoryMib: 1024,
  })
  return { cluster, lease }
}

async function close(cluster: Cluster, lease: Lease<typeof Functions>): Promise<void> {
  await lease.release()
  await cluster.close()
}
