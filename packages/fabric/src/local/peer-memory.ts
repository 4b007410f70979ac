/*
 * The trust boundary of shared memory: what a peer can write, and the only functions that read it.
 *
 * A peer can write every byte of the segment (local/layout.ts), at any time and as often as it likes:
 *   - both lines: our SLEEP and CONSUMED as well as its own. We write ours for the peer, and never read them back here;
 *     native/channel.c sleeps on our SLEEP (futex(2)), for a bounded time.
 *   - both rings: immediates and the words of messages. We never read back the ring that we write.
 *   - both windows.
 * It can send anything over the connection's socket, any number of times; channelHear takes one packet per call. It
 * cannot change the size of the segment (native/memory.c), the flags LOST and INTERRUPTED, our counters, or anything
 * else of this process.
 *
 * Each function here reads each word once, and returns a value in its range or none. The words of a message are copied
 * before any caller checks them. A payload may change while it is read: a caller that relies on it copies it first,
 * then checks the copy. A peer that never stops writing keeps `poll` returning immediates, `arm` returning false and
 * `wait` returning early, and a CONSUMED that does not move keeps `write` returning false: so no loop may depend on a
 * peer's word to end.
 */
import { AWAKE, CONSUMED, SLEEP } from './layout.ts'
import { orderedLoad } from './ordered.ts'

/** Returns the immediate in a cell of the ring that the peer writes; -1 when the cell holds none of that phase. */
export function immediateIn(words: Int32Array, cell: number, phase: number): number {
  const value = orderedLoad(words, cell)
  return (value & 1) === phase ? value >>> 1 : -1
}

/** Returns how many of `depth` cells are free after `written` writes; 0 when the peer's CONSUMED is impossible. */
export function freeCells(words: Int32Array, peerLine: number, written: number, depth: number): number {
  const free = depth - ((written - orderedLoad(words, peerLine + CONSUMED)) | 0)
  return free > 0 && free <= depth ? free : 0
}

/** Whether the peer sleeps and must be rung. */
export function isAsleep(words: Int32Array, peerLine: number): boolean {
  return orderedLoad(words, peerLine + SLEEP) !== AWAKE
}
