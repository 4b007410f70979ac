import { raw } from 'rfaas/functions'

let times = 0
const seen = new Set<number>()

/** Counts how often it ran. */
export function once(number: number): number {
  times++
  seen.add(number)
  return number
}

export const ran = (): { times: number; distinct: number } => ({ times, distinct: seen.size })

/** Every bit inverted, so that a copy of the input cannot pass. */
export const invert = raw((input, output) => {
  for (let i = 0; i < input.length; i++) output[i] = ~input[i]!
  return input.length
})

export const noop = raw((input) => input.length)
