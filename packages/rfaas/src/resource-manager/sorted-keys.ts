/** Most keys in one piece; a larger one is cut in two. */
const PIECE_KEYS_MAX = 512

/** A sorted set of keys, by UTF-16 code units. Adding, deleting and finding a key cost O(√n) at most. */
export class SortedKeys {
  /** Sorted, each with at least one key, and the last key of each before the first of the next. */
  readonly #pieces: string[][] = []

  /** Has no effect when the key is there. */
  add(key: string): void {
    const piece = this.#pieces[Math.min(this.#pieceOf(key), this.#pieces.length - 1)]
    if (piece === undefined) return void this.#pieces.push([key])
    const at = lowerBound(piece, key)
    if (piece[at] === key) return
    piece.splice(at, 0, key)
    if (piece.length <= PIECE_KEYS_MAX) return
    this.#pieces.splice(this.#pieces.indexOf(piece) + 1, 0, piece.splice(piece.length >> 1))
  }

  /** Has no effect when the key is not there. */
  delete(key: string): void {
    const index = this.#pieceOf(key)
    const piece = this.#pieces[index]
    if (piece === undefined) return
    const at = lowerBound(piece, key)
    if (piece[at] !== key) return
    piece.splice(at, 1)
    if (piece.length === 0) this.#pieces.splice(index, 1)
  }

  /** The keys from `key` on, in order. Do not change the set meanwhile. */
  *from(key: string): Iterable<string> {
    let index = this.#pieceOf(key)
    if (index === this.#pieces.length) return
    for (let at = lowerBound(this.#pieces[index]!, key); index < this.#pieces.length; index++, at = 0) {
      const piece = this.#pieces[index]!
      for (; at < piece.length; at++) yield piece[at]!
    }
  }

  /** Index of the first piece whose last key is not before `key`. */
  #pieceOf(key: string): number {
    let low = 0
    let high = this.#pieces.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#pieces[middle]!.at(-1)! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
