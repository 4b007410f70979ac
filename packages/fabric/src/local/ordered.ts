/*
 * Loads and stores of words that another process sees. Node 24 calls the functions of Atomics instead of inlining them,
 * which costs some 12 ns each. On x86-64 plain loads acquire and plain stores release, so they are used there; other
 * processors use Atomics.
 *
 * The memory is no SharedArrayBuffer, so an engine may hoist plain loads out of a loop: a polling loop must now and
 * then call something that no engine can see through, such as a yield or a reading of the clock.
 */
const keepsOrder = process.arch === 'x64'

/** Loads a word; what is loaded or read afterwards is not older. */
export const orderedLoad: (words: Int32Array, index: number) => number = keepsOrder
  ? (words, index) => words[index]!
  : (words, index) => Atomics.load(words, index)

/** Publishes a word together with all earlier stores. Later loads may still be older: {@link fence} prevents that. */
export const orderedStore: (words: Int32Array, index: number, value: number) => void = keepsOrder
  ? (words, index, value) => void (words[index] = value)
  : (words, index, value) => void Atomics.store(words, index, value)

/** The target of the locked instruction below; nothing else reads it. */
const barrier = new Int32Array(1)

/**
 * What is loaded afterwards is not older than what was stored before is visible. Waits until every store is visible, which
 * may take as long as a cache line from another core.
 */
export function fence(): void {
  Atomics.add(barrier, 0, 0)
}
