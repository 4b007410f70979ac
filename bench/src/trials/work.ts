// Functions of the benches that measure what a worker's work costs its caller.
import { raw } from 'rfaas/functions'

export { echo, noop, thread } from './functions.ts'

/** Touches only the first and the last byte each way, so that what is left is the cost of the transport. */
export const ends = raw((input, output) => {
  const last = input.length - 1
  output[0] = input[0]!
  output[last] = input[last]!
  return input.length
})

/** Rounds of {@link compute}: some 40 µs on a core of 3 GHz. */
export const COMPUTE_STEPS = 30_000

/** A computation that no compiler can shorten, because each step needs the one before. */
export function spinCompute(seed: number, steps: number): number {
  let state = seed | 1
  for (let step = 0; step < steps; step++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
  }
  return state >>> 0
}

/** Computes for some tens of microseconds; the result depends on every step. */
export const compute = raw((input, output) => {
  const state = spinCompute(input[0]!, COMPUTE_STEPS)
  for (let byte = 0; byte < 4; byte++) output[byte] = state >>> (8 * byte)
  return 4
})

/** Bytes that {@link shrink} returns. */
const SHRUNK_BYTES = 65_536
/** Rounds of {@link shrink}: some 0.7 ms. */
const SHRINK_STEPS = 400_000

/** Computes for some 0.7 ms, and returns 64 KiB of what it got. */
export const shrink = raw((input, output) => {
  const state = spinCompute(input[0]!, SHRINK_STEPS)
  output.set(input.subarray(0, SHRUNK_BYTES))
  output[0] = state
  return SHRUNK_BYTES
})

/** Keeps its worker busy; its first byte is the time in tens of microseconds. */
export const slow = raw((input) => {
  const endMs = performance.now() + input[0]! / 100
  while (performance.now() < endMs);
  return 0
})

/** Answers after the time in its first byte, in hundreds of milliseconds; the worker is free meanwhile. */
export const nap = raw(async (input) => {
  await new Promise((resolve) => setTimeout(resolve, input[0]! * 100))
  return 0
})
