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
