/*
 * The words of a message, as they lie in memory that a peer shares or writes: in a cell of a ring over shared memory, at
 * the beginning of a slot between hosts.
 */

/** Stores the words of a message that is about to be sent. @param first index of the first word */
export function putMessage(words: Int32Array, first: number, word0: number, word1: number, word2: number): void {
  words[first] = word0
  words[first + 1] = word1
  words[first + 2] = word2
}

/** Copies the words of a message that has arrived, whatever they are. Reads each once: a peer may still change them. */
export function copyMessage(words: Int32Array, first: number, received: Int32Array): void {
  received[0] = words[first]!
  received[1] = words[first + 1]!
  received[2] = words[first + 2]!
}
