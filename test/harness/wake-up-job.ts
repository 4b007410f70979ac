import type { FabricChoice } from 'rfaas'

/** Job of wake-up.test.ts for wake-up-client.ts. */
export interface WakeUpJob {
  url: string
  functions: string
  fabric: FabricChoice
  seed: number
  /** Two leases for each. */
  hotTimeoutsMs: number[]
  invocations: number
  /** The words below. */
  progress: Int32Array
}

/** Words of `progress`: invocations done, the way and the lease in use, and the ticks of the watching thread. */
export const DONE = 0
export const WAY = 1
export const LEASE = 2
export const TICKS = 3
export const TICK_MS = 20

/** The ways to invoke, in the order of their number in `progress`, with how often each is drawn. */
export const WAYS = {
  invokeSync: 8,
  invoke: 4,
  call: 3,
  'invoke of a function that awaits': 1,
  'call that is under way while the worker falls asleep': 1,
  'a batch': 8,
  'a mixed batch around an invokeSync': 1,
} as const
export type WayName = keyof typeof WAYS
export const WAY_NAMES = Object.keys(WAYS) as WayName[]
