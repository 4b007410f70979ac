import { raw } from 'rfaas/functions'

/* Functions of large values. */

export const measure = (bytes: Uint8Array, what: 'first' | 'last'): [number, number] => [
  bytes.length,
  bytes.at(what === 'first' ? 0 : -1)!,
]

export const grow = (bytes: number, fill: number): Uint8Array => new Uint8Array(bytes).fill(fill)

export const same = <T>(value: T): T => value

/** Changes what it has returned right after it has returned. */
export function sameOnce(bytes: Uint8Array): Uint8Array {
  queueMicrotask(() => bytes.fill(0))
  return bytes
}

export const invert = raw((input, output) => {
  for (let i = 0; i < input.length; i++) output[i] = ~input[i]!
  return input.length
})

export const invertLater = raw(async (input, output) => {
  await null
  for (let i = 0; i < input.length; i++) output[i] = ~input[i]!
  return input.length
})

export const overflow = raw((_input, output) => output.length + 1)

let counted = 0

export const count = (_what: string): number => ++counted

const names: string[] = []

export function growOnce(name: string, bytes: number, _with?: Uint8Array): Uint8Array {
  names.push(name)
  return new Uint8Array(bytes)
}

export const grown = (): string[] => names

let shut = Promise.withResolvers<undefined>()

/** Keeps its input until {@link open}. */
export const hold = raw(async (input) => {
  await shut.promise
  return Math.min(input.length, 1)
})

export function open(): void {
  shut.resolve(undefined)
  shut = Promise.withResolvers()
}
