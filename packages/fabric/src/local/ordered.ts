/*
 * Loads and stores of words that another process sees. Node 24 calls the functions of Atomics instead of compiling them
 * in place, some 12 ns each. On x86-64 a plain load is an acquiring one and a plain store a releasing one, so they do
 * there; elsewhere it is Atomics.
 *
 * The memory is no SharedArrayBuffer, so an engine may hoist plain loads out of a loop: whoever polls calls something
 * that no engine can see through now and then, as a yield or a look at the clock is.
 */
const keepsOrder = process.arch === 'x64'

/** What is loaded or read afterwards is not older. */
export const orderedLoad: (words: Int32Array, index: number) => number = keepsOrder
  ? (words, index) => words[index]!
  : (words, index) => Atomics.load(words, index)

/** A word that nobody else looks at. */
const barrier = new Int32Array(1)

/**
 * Publishes a word, and with it all that was stored before; what is loaded afterwards is not older. With a plain store
 * the word is on its way before the barrier, not after it: whoever polls for it need not wait for that.
 */
export const publish: (words: Int32Array, index: number, value: number) => void = keepsOrder
  ? (words, index, value) => {
      words[index] = value
      // A locked instruction is the barrier between a store and a later load.
      Atomics.add(barrier, 0, 0)
    }
  : (words, index, value) => void Atomics.store(words, index, value)
