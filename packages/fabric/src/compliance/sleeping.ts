import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import type { Connection } from '../fabric.ts'
import { interrupt } from '../index.ts'
import { ready, receive, turnLoop } from './drive.ts'
import { NOTICE_MS, pair, PATIENCE_MS, type Harness, type Pair } from './harness.ts'
import { watchProgram } from './programs.ts'
import { thisThread } from './standstill.ts'

const LARGE_BYTES = 16 * 2 ** 20

/** Sends one immediate from `near` to `far`, and lets it arrive. */
async function arrive({ near, far }: Pair): Promise<void> {
  assert.ok(near.write(0, 16, 1))
  assert.equal(await receive(far, near), 1)
}

/** Counts the calls of onReady. */
function countCalls(end: Connection): () => number {
  let calls = 0
  end.onReady = () => calls++
  return () => calls
}

interface Watch extends AsyncDisposable {
  /** Resolves to whether this thread slept for a while, or false after half a minute in which it did not. */
  readonly slept: Promise<boolean>
  /** The same for a thread that does not turn its event loop: 1 when it slept, -1 when it did not, 0 until then. */
  found(): number
}

/** Watches this thread from another one. */
function watchThisThread(): Watch {
  const found = new Int32Array(new SharedArrayBuffer(4))
  const watcher = new Worker(watchProgram, { workerData: { thread: thisThread(), found } })
  return {
    slept: once(watcher, 'message').then(([slept]) => slept as boolean),
    found: () => Atomics.load(found, 0),
    [Symbol.asyncDispose]: async () => void (await watcher.terminate()),
  }
}

export function testSleeping(harness: Harness): void {
  it('wait: ready at once for what was written before', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    for (const immediate of [2, 3]) {
      ends.near.write(0, 16, immediate)
      assert.equal(ends.far.wait(PATIENCE_MS), 'ready')
      assert.equal(ends.far.wait(PATIENCE_MS), 'ready', 'wait has taken what it has seen')
      assert.equal(ends.far.poll(), immediate)
    }
  })

  it('wait: comes back with timeout when the time is over, not before', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    for (const timeoutMs of [0, 1, 30, 80.5]) {
      const startMs = performance.now()
      assert.equal(ends.far.wait(timeoutMs), 'timeout')
      const tookMs = performance.now() - startMs
      assert.ok(tookMs >= timeoutMs, `wait(${timeoutMs}) took ${tookMs} ms`)
    }
  })

  it('wait: sleeps, and does not poll', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    await using watch = watchThisThread()
    // It sleeps each time for longer than a poller would.
    while (watch.found() === 0) assert.equal(ends.far.wait(500), 'timeout')
    assert.ok(await watch.slept, 'this thread polls')
  })

  it('arm: false when there is something to poll, and nothing is armed', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    const calls = countCalls(ends.far)
    ends.near.write(0, 16, 2)
    assert.equal(ends.far.wait(PATIENCE_MS), 'ready')
    assert.equal(ends.far.arm(), false)
    await turnLoop()
    assert.equal(calls(), 0)
    assert.equal(ends.far.poll(), 2)
  })

  it('disarm: onReady is not called for what comes then; armed again, it is called', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    const calls = countCalls(ends.far)
    assert.ok(ends.far.arm())
    ends.far.disarm()
    ends.far.disarm()
    ends.near.write(0, 16, 2)
    assert.equal(ends.far.wait(PATIENCE_MS), 'ready')
    await turnLoop()
    assert.equal(calls(), 0)
    assert.equal(ends.far.poll(), 2)
    assert.ok(ends.far.arm())
    const awoken = Promise.withResolvers<void>()
    ends.far.onReady = awoken.resolve
    ends.near.write(0, 16, 3)
    await awoken.promise
    assert.equal(ends.far.poll(), 3)
  })

  it('arm: onReady is called once, on the event loop, for what is written afterwards', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    assert.ok(ends.far.arm())
    const awoken = Promise.withResolvers<void>()
    ends.far.onReady = awoken.resolve
    ends.near.write(0, 16, 2)
    await awoken.promise
    assert.equal(ends.far.poll(), 2)

    const calls = countCalls(ends.far)
    ends.near.write(0, 16, 3)
    await delay(20)
    assert.equal(calls(), 0, 'called without being armed')
    assert.equal(await receive(ends.far, ends.near), 3)
  })

  it('arm: many times over, each for its own write', async () => {
    using ends = await pair(harness)
    for (let immediate = 0; immediate < 100; immediate++) {
      const called = ready(ends.far, PATIENCE_MS)
      ends.near.write(0, 16, immediate)
      assert.ok(await called)
      assert.equal(ends.far.poll(), immediate)
      assert.equal(ends.far.poll(), -1)
    }
  })

  it('arm: the thread sleeps and does not poll, also after a write that had to wait for room', async () => {
    using ends = await pair(harness, { outboundBytes: LARGE_BYTES, inboundBytes: 64, depth: 4 })
    ends.near.write(0, LARGE_BYTES, 1)
    assert.equal(await receive(ends.far, ends.near), 1)
    const calls = [ends.near, ends.far].map(countCalls)
    assert.ok(ends.near.arm() && ends.far.arm())
    await using watch = watchThisThread()
    assert.ok(await watch.slept, 'this thread polls')
    assert.deepEqual(
      calls.map((count) => count()),
      [0, 0],
    )
  })

  it('arm, wait: what came since the last poll is noticed, though nothing comes any more', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    for (let immediate = 0; immediate < 100; immediate++) {
      ends.near.write(0, 16, immediate)
      if (immediate % 2 === 0) assert.ok(await ready(ends.far, PATIENCE_MS), 'onReady was not called')
      else assert.equal(ends.far.wait(PATIENCE_MS), 'ready')
      assert.equal(ends.far.poll(), immediate)
    }
  })

  it('arm: armed again after a poll has taken what it was armed for, it stays quiet until the next', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    assert.ok(ends.far.arm())
    ends.near.write(0, 16, 2)
    assert.equal(await receive(ends.far, ends.near), 2)
    const calls = countCalls(ends.far)
    assert.ok(ends.far.arm())
    await delay(20)
    assert.equal(calls(), 0, 'called with nothing to poll')
    const called = ready(ends.far, PATIENCE_MS)
    ends.near.write(0, 16, 3)
    assert.ok(await called)
    assert.equal(ends.far.poll(), 3)
  })

  it('arm: wait takes it back', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    const calls = countCalls(ends.far)
    assert.ok(ends.far.arm())
    assert.equal(ends.far.wait(1), 'timeout')
    ends.near.write(0, 16, 2)
    await delay(20)
    assert.equal(calls(), 0)
    assert.equal(await receive(ends.far, ends.near), 2)
  })

  it('arm: what onReady throws is an uncaught exception, and the connection goes on', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    const thrown = new Error('thrown by onReady')
    const caught = Promise.withResolvers<unknown>()
    process.setUncaughtExceptionCaptureCallback(caught.resolve)
    try {
      ends.far.onReady = () => {
        throw thrown
      }
      assert.ok(ends.far.arm())
      ends.near.write(0, 16, 2)
      assert.equal(await caught.promise, thrown)
    } finally {
      process.setUncaughtExceptionCaptureCallback(null)
    }
    assert.equal(await receive(ends.far, ends.near), 2)
    await arrive(ends)
  })

  it('interrupt: ends a wait, once', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    interrupt(ends.farHandle)
    interrupt(ends.farHandle)
    assert.equal(ends.far.wait(PATIENCE_MS), 'interrupted')
    assert.equal(ends.far.wait(1), 'timeout')
    assert.equal(ends.far.takeInterrupt(), false)
  })

  it('interrupt: is taken once by takeInterrupt', async () => {
    using ends = await pair(harness)
    assert.equal(ends.far.takeInterrupt(), false)
    interrupt(ends.farHandle)
    assert.equal(ends.far.takeInterrupt(), true)
    assert.equal(ends.far.takeInterrupt(), false)
    assert.equal(ends.far.wait(1), 'timeout')
    assert.equal(ends.near.takeInterrupt(), false)
  })

  it('interrupt: calls onReady of an armed end, and keeps the next arm from arming until it is taken', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    const called = ready(ends.far, NOTICE_MS)
    interrupt(ends.farHandle)
    assert.ok(await called)
    assert.equal(ends.far.arm(), false)
    assert.equal(ends.far.takeInterrupt(), true)
    assert.equal(ends.far.arm(), true)
    await arrive(ends)
  })

  it('interrupt: what is there to poll comes first', async () => {
    using ends = await pair(harness)
    await arrive(ends)
    interrupt(ends.farHandle)
    ends.near.write(0, 16, 2)
    assert.equal(await receive(ends.far, ends.near), 2)
    ends.near.write(0, 16, 3)
    // Over a network the write may arrive a moment later than the interrupt.
    const first = ends.far.wait(PATIENCE_MS)
    if (first === 'interrupted') assert.equal(ends.far.wait(PATIENCE_MS), 'ready')
    else assert.equal(ends.far.takeInterrupt(), true)
    assert.equal(ends.far.poll(), 3)
  })

  it('interrupt: does nothing to a closed connection', async () => {
    using ends = await pair(harness)
    ends.far.close()
    interrupt(ends.farHandle)
  })
}
