// Functions that the leased workers of the benches run.
import { readlinkSync } from 'node:fs'
import { raw } from 'rfaas/functions'

/** Returns as many bytes as it got, with any content: the cost of a call without the cost of a function. */
export const noop = raw((input) => input.length)

export const echo = raw((input, output) => {
  output.set(input)
  return input.length
})

/** The worker's thread as a `/proc` path: `PID/task/TID`. */
export const thread = (): string => readlinkSync('/proc/thread-self')

/** Typed: an object of five numbers in, a number out. */
export function total({ spot, strike, rate, volatility, years }: FiveNumbers): number {
  return spot + strike + rate + volatility + years
}

export interface FiveNumbers {
  spot: number
  strike: number
  rate: number
  volatility: number
  years: number
}
