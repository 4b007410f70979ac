import { raw } from 'rfaas/functions'

/* Functions that test/cli.test.ts invokes. */

export function add(a: number, b: number): number {
  return a + b
}

export function describe(value: unknown): { type: string; value: unknown } {
  return { type: typeof value, value }
}

export function fail(): never {
  throw new RangeError('no such option')
}

/** Every byte inverted, so that a copy of the input cannot pass. */
export const invert = raw((input, output) => {
  for (let index = 0; index < input.length; index++) output[index] = 255 - input[index]!
  return input.length
})

export async function never(): Promise<void> {
  await new Promise(() => {})
}
