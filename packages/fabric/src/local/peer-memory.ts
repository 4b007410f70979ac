/*
 * The trust boundary of shared memory: what a peer can write, and the only functions that read it.
 *
 * A peer can write every byte of the segment (local/layout.ts), at any time and as often as it likes:
 *   - both lines: our SLEEP and CONSUMED as well as its own. Ours are written for the peer, and never read back here;
 *     native/channel.c sleeps on our SLEEP (futex(2)), for a bounded time.
 *   - both rings: immediates and the words of messages. Of a ring that we write nothing is ever read back.
 *   - both windows.
 * It can send what it likes over the connection's socket, and any number of bytes, of which channelHear takes one a call.
 * It cannot change the size of the segment (native/memory.c), the flags LOST and INTERRUPTED, our counters, or anything
 * else of this process.
 *
 * Each function here reads each word once, and gives a value in its range or none. The words of a message are copied before
 * anybody checks them. A payload may change while it is read: whoever trusts it copies it first, then checks the copy. A peer that writes on and on keeps `poll` finding
 * immediates, `arm` giving false and `wait` coming back early, and a CONSUMED that does not move keeps `write` giving
 * false: so no loop may end only when a peer's word changes.
 */
import { AWAKE, CONSUMED, SLEEP } from './layout.ts'
import { orderedLoad } from './ordered.ts'

/** The immediate in a cell of the ring that the peer writes; -1 when none of that phase is there. */
export function immediateIn(words: Int32Array, cell: number, phase: number): number {
  const value = orderedLoad(words, cell)
  return (value & 1) === phase ? value >>> 1 : -1
}

/** How many of `depth` cells are free again, after so many writes; 0 when the peer says what cannot be. */
export function freeCells(words: Int32Array, peerLine: number, written: number, depth: number): number {
  const free = depth - ((written - orderedLoad(words, peerLine + CONSUMED)) | 0)
  return free > 0 && free <= depth ? free : 0
}

/** Whether the peer wants to be rung. */
export function isAsleep(words: Int32Array, peerLine: number): boolean {
  return orderedLoad(words, peerLine + SLEEP) !== AWAKE
}

/** Copies the words of the message in a cell, whatever they are. */
export function copyMessage(words: Int32Array, cell: number, received: Int32Array): void {
  received[0] = words[cell + 1]!
  received[1] = words[cell + 2]!
  received[2] = words[cell + 3]!
}
