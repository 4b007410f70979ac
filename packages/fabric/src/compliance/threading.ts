import assert from 'node:assert/strict'
import { once } from 'node:events'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import type { Connection, ConnectionHandle, Geometry } from '../fabric.ts'
import { attach, interrupt } from '../index.ts'
import { code } from './connecting.ts'
import { next, pattern, pollUntilLost, type Mode } from './drive.ts'
import { fillSlot, slotPayload } from './echo.ts'
import { listen, NOTICE_MS, SECRET, SMALL, type Harness } from './harness.ts'
import { launchPeer } from './peer-process.ts'
import { EXITED, type PeerSpec, type ThreadRole } from './peer-spec.ts'
import { threadProgram } from './programs.ts'
import { standsStill } from './standstill.ts'

/** Far longer than an interrupted thread takes to sleep again, far shorter than it then sleeps. */
const STILL_MS = 20

export interface ThreadPair extends AsyncDisposable {
  near: Connection
  farHandle: ConnectionHandle
  worker: Worker
  /** Resolves with the worker's next message. */
  says(): Promise<unknown>
}

/** A connection accepted on this thread and attached in another. */
export async function threadPair(harness: Harness, does: ThreadRole, geometry: Geometry = SMALL): Promise<ThreadPair> {
  using listener = await listen(harness, geometry)
  const accepting = listener.accept()
  const near = await harness.fabric.connect(listener.address, { ...geometry, secret: SECRET })
  const farHandle = await accepting
  const worker = new Worker(threadProgram, { workerData: { handle: farHandle, does } })
  return {
    near,
    farHandle,
    worker,
    says: async () => (await once(worker, 'message'))[0] as unknown,
    async [Symbol.asyncDispose]() {
      near.close()
      await worker.terminate()
    },
  }
}

async function assertLost(end: Connection): Promise<void> {
  assert.deepEqual(await pollUntilLost(end, NOTICE_MS), [])
  assert.equal(end.state, 'lost')
}

export function testThreading(harness: Harness): void {
  if (!harness.separate) {
    it('attach: only in the thread that accepted', { skip: 'both ends are in one thread' })
    return
  }

  for (const mode of ['poll', 'wait', 'arm'] as const satisfies Mode[]) {
    it(`attach: in a worker thread, which ${mode}s`, async () => {
      await using ends = await threadPair(harness, { role: 'echo', mode, slotBytes: 256 })
      assert.equal(await ends.says(), 'echoing')
      assert.throws(() => attach(ends.farHandle), code('closed'), 'attached there, not here')
      for (let round = 0; round < 100; round++) {
        const payload = pattern(round, round)
        ends.near.write(0, fillSlot(ends.near, 0, payload), 0)
        assert.equal(await next(ends.near, round % 2 === 0 ? 'poll' : 'arm'), 0)
        assert.equal(Buffer.compare(slotPayload(ends.near, 0), payload), 0)
      }
      const ended = ends.says()
      ends.near.close()
      assert.equal(await ended, 'ended')
    })
  }

  it('interrupt: from another thread ends a wait', async () => {
    await using ends = await threadPair(harness, { role: 'wait' })
    assert.equal(await ends.says(), 'waiting')
    const said = ends.says()
    interrupt(ends.farHandle)
    assert.equal(await said, 'interrupted')
  })

  it('interrupt: bursts that cross with their taking leave a thread that sleeps', async () => {
    await using ends = await threadPair(harness, { role: 'be-interrupted' })
    const thread = (await ends.says()) as string
    for (let bursts = 0; bursts < 40; bursts++) {
      const endMs = performance.now() + Math.random() * 0.2
      while (performance.now() < endMs) interrupt(ends.farHandle)
      assert.ok(await standsStill(() => [thread], STILL_MS), `after ${bursts} bursts it does not sleep any more`)
    }
  })

  it('terminate: of a thread that is blocked in wait, interrupted or not; the other end is told', async () => {
    for (const interrupted of [true, false]) {
      await using ends = await threadPair(harness, { role: 'wait' })
      assert.equal(await ends.says(), 'waiting')
      // The thread blocks a moment after its message.
      await delay(50)
      const terminated = ends.worker.terminate()
      if (interrupted) interrupt(ends.farHandle)
      await terminated
      await assertLost(ends.near)
      interrupt(ends.farHandle)
    }
  })

  it('terminate: of a thread that polls, or is armed', async () => {
    for (const mode of ['poll', 'arm'] as const) {
      await using ends = await threadPair(harness, { role: 'echo', mode, slotBytes: 64 })
      assert.equal(await ends.says(), 'echoing')
      await ends.worker.terminate()
      await assertLost(ends.near)
    }
  })

  it('exit: of a thread without a close, and of a process with a thread that is blocked in wait', async () => {
    using listener = await listen(harness)
    const spec: PeerSpec = {
      fabric: harness.fabric.name,
      address: listener.address,
      host: '',
      geometry: SMALL,
      connections: 1,
      does: { role: 'exit-while-blocked' },
    }
    const { exited } = launchPeer(harness, spec)
    const first = attach(await listener.accept())
    await assertLost(first)
    const second = attach(await listener.accept())
    assert.equal(await exited, EXITED)
    await assertLost(second)
    first.close()
    second.close()
  })
}
