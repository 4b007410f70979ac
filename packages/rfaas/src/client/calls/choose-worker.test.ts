/** Where a call goes: which worker, or none yet. */
import assert from 'node:assert/strict'
import { beforeEach, describe, mock, test } from 'node:test'

import { chooseWorker } from './choose-worker.ts'
import { Load, Paces, PIPELINE_MS } from './load.ts'
import type { RemoteFunction } from './wire.ts'

const SLOTS = 4
const QUICK_MS = 1
const LONG_MS = 500
const [quick, long, unknown] = ['quick', 'long', 'unknown'].map((name, index) => ({ name, index, raw: true })) as [
  RemoteFunction,
  RemoteFunction,
  RemoteFunction,
]

class Worker {
  readonly name: string
  readonly load = new Load(SLOTS)
  #inFlight: RemoteFunction[] = []

  constructor(name: string, paces: Paces) {
    this.name = name
    this.load.paces = paces
  }

  get waiting(): number {
    return this.#inFlight.length
  }

  get room(): number {
    return SLOTS - this.waiting
  }

  send(f: RemoteFunction): void {
    this.load.sent(f, this.#inFlight.push(f) - 1)
  }

  /** Answers the call that was sent last. */
  answer(): void {
    const f = this.#inFlight.pop()!
    this.load.answered(f, this.waiting, this.waiting)
  }
}

describe('chooseWorker', () => {
  let nowMs = 0
  let looks = 0
  let workers: [Worker, Worker]
  const now = (): number => {
    looks++
    return nowMs
  }
  const choice = (f = quick): string | undefined => chooseWorker(workers, f, now)?.name

  beforeEach(() => {
    nowMs = 1000
    looks = 0
    const paces = new Paces()
    for (let i = 0; i < 10; i++) {
      paces.measured(quick, QUICK_MS)
      paces.measured(long, LONG_MS)
    }
    workers = [new Worker('first', paces), new Worker('second', paces)]
    mock.restoreAll()
    mock.method(performance, 'now', now)
  })

  test('an idle worker, without a look at the clock', () => {
    workers[0].send(quick)
    assert.equal(choice(), 'second')
    assert.equal(looks, 0)
  })

  test('behind quick calls, as many as will have run soon', () => {
    workers[0].send(quick)
    workers[1].send(long)
    assert.equal(choice(), 'first')
    for (let i = 0; i < 2; i++) workers[0].send(quick)
    assert.equal(choice(), 'first')
    workers[0].send(quick)
    assert.equal(choice(), undefined, 'there is no room, and the other worker is busy for long')
  })

  test('not behind a function that is long or unknown, while the other worker may be free soon', () => {
    for (const f of [long, unknown]) {
      workers[0].send(f)
      workers[1].send(f)
      assert.equal(choice(), undefined)
      workers[1].answer()
      assert.equal(choice(), 'second')
      workers[0].answer()
    }
  })

  test('not behind a call that takes longer than the function did so far', () => {
    workers[0].send(quick)
    workers[1].send(quick)
    assert.ok(choice())
    for (let i = 0; i < 3; i++) {
      nowMs += 0.4 * PIPELINE_MS
      workers[1].answer()
      workers[1].send(quick)
    }
    workers[1].send(quick)
    assert.equal(choice(), 'second')
    assert.equal(workers[0].room > workers[1].room, true)
  })

  test('where all are silent, because they await something, to all that have room', () => {
    for (const worker of workers) for (let i = 0; i < 2; i++) worker.send(unknown)
    assert.equal(choice(), undefined)
    nowMs += PIPELINE_MS + 1
    for (let i = 0; i < 4; i++) {
      const worker = chooseWorker(workers, unknown, now)!
      assert.notEqual(worker, null)
      worker.send(unknown)
    }
    assert.deepEqual(
      workers.map(({ waiting }) => waiting),
      [4, 4],
    )
    assert.equal(choice(), undefined)
  })

  test('not behind another function that is long, although the worker with the quick calls is full and late', () => {
    for (const f of [long, unknown]) {
      workers[0].send(f)
      for (let i = 0; i < SLOTS; i++) workers[1].send(quick)
      assert.equal(choice(), undefined)
      nowMs += PIPELINE_MS + 1
      assert.equal(choice(), undefined)
      nowMs += 10 * PIPELINE_MS
      assert.equal(choice(), undefined)
      for (const worker of workers) while (worker.waiting > 0) worker.answer()
    }
  })

  test('rather behind calls of the same function than behind another one, when nothing is known of either', () => {
    workers[0].send(unknown)
    workers[1].send({ ...unknown, index: 99 })
    workers[0].send(unknown)
    assert.equal(choice(unknown), undefined)
    nowMs += PIPELINE_MS + 1
    assert.equal(choice(unknown), 'first')
  })

  test('of one worker its free slots, without a look at the clock', () => {
    const [only] = workers
    for (let i = 0; i < SLOTS; i++) {
      assert.equal(chooseWorker([only], long, now), only)
      only.send(long)
    }
    assert.equal(chooseWorker([only], long, now), null)
    assert.equal(looks, 0)
  })
})
