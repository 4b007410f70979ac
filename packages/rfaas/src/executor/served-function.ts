import type { LoadedFunction } from './load.ts'

/** A function as the server calls it. All have the same shape, so that the machine code that reads them stays short. */
export interface ServedFunction {
  /** Whether it is raw and wants no context: the fast way. */
  readonly isPlainRaw: boolean
  readonly isRaw: boolean
  readonly wantsContext: boolean
  /** Whether it is a generator function. */
  readonly streams: boolean
  readonly call: (...args: never[]) => unknown
}

export function servedOf({ raw, wantsContext = false, streams = false, call }: LoadedFunction): ServedFunction {
  return { isPlainRaw: raw && !wantsContext, isRaw: raw, wantsContext, streams, call: call as ServedFunction['call'] }
}
