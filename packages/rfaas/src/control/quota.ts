/**
 * Bounds something that peers take of a server: so much in all, and at most half of that for one peer, so that none can keep
 * the others out. A peer is an address; of an IPv6 address its first 64 bits, because one host often has all the rest.
 */
export class Quota {
  readonly #max: number
  readonly #peerMax: number
  readonly #taken = new Map<string, number>()
  #all = 0

  constructor(max: number) {
    this.#max = max
    this.#peerMax = Math.ceil(max / 2)
  }

  /** @returns whether there was room; what was taken must be given back */
  take(peer: string, count: number): boolean {
    const taken = (this.#taken.get(peer) ?? 0) + count
    if (taken > this.#peerMax || this.#all + count > this.#max) return false
    this.#all += count
    if (count > 0) this.#taken.set(peer, taken)
    return true
  }

  giveBack(peer: string, count: number): void {
    const left = (this.#taken.get(peer) ?? 0) - count
    this.#all -= count
    if (left > 0) this.#taken.set(peer, left)
    else this.#taken.delete(peer)
  }

  /** How many peers have something. */
  get peers(): number {
    return this.#taken.size
  }
}

/** @param address as a socket has it; undefined for one that is closed */
export function peerOf(address: string | undefined): string {
  if (address === undefined) return ''
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  if (!address.includes(':')) return address
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after].slice(0, 4).join(':')
}
