import type { FabricCosts } from './costs.ts'

/**
 * How long one hot invocation takes, from its sending to its result, when nothing else is under way.
 *
 * @param bytes payload in each direction
 * @returns nanoseconds. The bytes of a direction cost one side's time for them, because the other side takes them over
 *   meanwhile, or what they take on the link, whichever is longer
 */
export function roundTripNs(fabric: FabricCosts, bytes: number): number {
  const { latencyNs, callerNsPerByte, workerNsPerByte, bytesPerSecond } = fabric
  return latencyNs + 2 * bytes * Math.max(callerNsPerByte, workerNsPerByte, 1e9 / bytesPerSecond)
}
