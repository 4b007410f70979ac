import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'

import type { Connection } from '../fabric.ts'
import { PATIENCE_MS } from './harness.ts'

/** How an end waits for the next immediate. */
export type Mode = 'poll' | 'wait' | 'arm'

const POLLS_PER_TURN = 1000

/**
 * Returns the next immediate of an end whose other end is in this thread too.
 *
 * @param others ends that must be polled for the bytes to move, and that have nothing to receive
 */
export async function receive(end: Connection, ...others: Connection[]): Promise<number> {
  const endMs = performance.now() + PATIENCE_MS
  for (let polls = 1; ; polls++) {
    const immediate = end.poll()
    if (immediate >= 0) return immediate
    for (const other of others) assert.equal(other.poll(), -1, 'an end that nobody wrote to has received something')
    if (polls % POLLS_PER_TURN !== 0) continue
    assert.ok(performance.now() < endMs, `nothing arrived in ${PATIENCE_MS} ms; the end is ${end.state}`)
    await setImmediate()
  }
}

/** Returns the next immediate, waited for as `mode` says. @param turn whether polling must let the event loop turn */
export async function next(end: Connection, mode: Mode, turn = false): Promise<number> {
  const endMs = performance.now() + PATIENCE_MS
  for (let polls = 1; ; polls++) {
    const immediate = end.poll()
    if (immediate >= 0) return immediate
    const leftMs = endMs - performance.now()
    assert.ok(leftMs > 0, `nothing arrived in ${PATIENCE_MS} ms; the end is ${end.state}`)
    if (mode === 'wait') {
      const result = end.wait(leftMs)
      assert.ok(result === 'ready' || result === 'timeout', `wait gave ${result}`)
    } else if (mode === 'arm') {
      await ready(end, leftMs)
    } else if (turn) {
      await setImmediate()
    } else if (end.state !== 'open') {
      assert.fail(`the end is ${end.state}`)
    }
  }
}

/** Arms an end and waits on the event loop; returns whether it was called in time. */
export function ready(end: Connection, timeoutMs: number): Promise<boolean> {
  const called = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => called.resolve(false), timeoutMs)
  end.onReady = () => called.resolve(true)
  if (!end.arm()) called.resolve(true)
  return called.promise.finally(() => {
    clearTimeout(timer)
    end.onReady = null
  })
}

/** Lets the event loop go through all its phases a few times, so that what is due is called. */
export async function turnLoop(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}

/** Polls until the state is no longer open, or the time is over. Returns what arrived meanwhile. */
export async function pollUntilLost(end: Connection, timeoutMs: number): Promise<number[]> {
  const arrived: number[] = []
  const endMs = performance.now() + timeoutMs
  for (let polls = 1; performance.now() < endMs; polls++) {
    const immediate = end.poll()
    if (immediate >= 0) arrived.push(immediate)
    else if (end.state !== 'open') break
    // An in-process peer goes away only on the event loop.
    if (polls % POLLS_PER_TURN === 0) await setImmediate()
  }
  // What arrived before the end may still be unread when the end is known.
  for (let immediate = end.poll(); immediate >= 0; immediate = end.poll()) arrived.push(immediate)
  return arrived
}

/** Bytes that differ from slot to slot and from place to place. */
export function pattern(byteLength: number, seed: number): Buffer {
  return Buffer.alloc(
    byteLength,
    Uint8Array.from({ length: 251 }, (_, index) => index * 13 + seed * 31 + 1),
  )
}
