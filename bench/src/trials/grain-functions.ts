// The function of the trial `grain`, which leased workers run.
import { raw } from 'rfaas/functions'
import { spinCompute } from './work.ts'

/** Bytes of the number of steps, at the begin of the input. */
export const STEPS_BYTES = 4

/** Computes as many steps as its input says, and returns as many bytes as it got. It touches only the first of them. */
export const grain = raw((input, output) => {
  const steps = input[0]! | (input[1]! << 8) | (input[2]! << 16) | (input[3]! << 24)
  const state = spinCompute(input.length, steps)
  for (let byte = 0; byte < STEPS_BYTES; byte++) output[byte] = state >>> (8 * byte)
  return input.length
})
