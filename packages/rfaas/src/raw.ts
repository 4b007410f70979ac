const RAW: unique symbol = Symbol.for('rfaas.raw') as never

/**
 * A function on bytes. `input` is the caller's payload, in place; `output` is where the result goes, in place; the
 * number returned is how many bytes of `output` are the result. Both views belong to rfaas and are valid until the
 * function returns (or its promise settles). Do not keep them.
 */
export interface RawFunction {
  (input: Uint8Array, output: Uint8Array): number | Promise<number>
  readonly [RAW]: true
}

/**
 * Marks an exported function as raw: nothing is encoded, copied or allocated on its way.
 *
 * @example
 * export const echo = raw((input, output) => { output.set(input); return input.length })
 */
export function raw(f: (input: Uint8Array, output: Uint8Array) => number | Promise<number>): RawFunction {
  return Object.assign(f, { [RAW]: true as const })
}

/** Whether `f` was made by {@link raw}, by this copy of rfaas or another. */
export function isRaw(f: unknown): f is RawFunction {
  return typeof f === 'function' && RAW in f
}
