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

const LOOK_UP: unique symbol = Symbol.for('rfaas.shared') as never

/**
 * What the client has shared under this name with `lease.share`: a typed array of the type that it gave, over memory that
 * all workers of the node share. Only read it: what one function writes, all others see, at any moment.
 *
 * @throws {Error} when nothing was shared under this name
 */
export function shared<T extends ArrayBufferView = Uint8Array>(name: string): T {
  const lookUp = (globalThis as { [LOOK_UP]?: (name: string) => ArrayBufferView | undefined })[LOOK_UP]
  const data = lookUp?.(name)
  if (data === undefined) throw new Error(`Cannot read '${name}': nothing was shared with this worker under that name`)
  return data as T
}

/** Whether `f` was made by {@link raw}, by this copy of rfaas or another. */
export function isRaw(f: unknown): f is RawFunction {
  return typeof f === 'function' && RAW in f
}
