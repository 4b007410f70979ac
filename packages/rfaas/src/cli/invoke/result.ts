/**
 * A result as JSON. What JSON does not have becomes what comes closest: undefined null, a big integer its digits as a
 * string, bytes and other typed arrays their numbers, a Map its entries, a Set its values.
 */
export function jsonOf(value: unknown, indent?: number): string {
  return JSON.stringify(value ?? null, plain, indent)
}

function plain(this: Record<string, unknown>, key: string, value: unknown): unknown {
  // A Buffer has already turned itself into an object here.
  const original = this[key]
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Map) return Array.from(value)
  if (value instanceof Set) return Array.from(value)
  if (value instanceof ArrayBuffer) return Array.from(new Uint8Array(value))
  if (ArrayBuffer.isView(original) && !(original instanceof DataView)) {
    return Array.from(original as unknown as Iterable<number | bigint>)
  }
  return value
}
