/** Entries; a power of two. */
const SIZE = 512
/** Longer keys are not kept. */
const CHARS_MAX = 32

/**
 * Strings of the keys that were read last: to compare bytes with a string takes a fifth of the time of making one. Two keys
 * with the same place displace each other.
 */
export class KeyCache {
  readonly #keys: string[] = new Array<string>(SIZE).fill('')

  /** The key of Latin-1 in `bytes`. */
  find(bytes: Buffer, at: number, length: number): string {
    let hash = length
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[at + i]!) | 0
    const place = (hash ^ (hash >>> 9)) & (SIZE - 1)
    const key = this.#keys[place]!
    if (key.length === length && isEqual(key, bytes, at)) return key
    const text = bytes.toString('latin1', at, at + length)
    return length > CHARS_MAX ? text : (this.#keys[place] = text)
  }
}

function isEqual(key: string, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) !== bytes[at + i]) return false
  return true
}
