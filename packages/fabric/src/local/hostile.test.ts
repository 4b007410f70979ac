import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, ftruncateSync, openSync, readdirSync, unlinkSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import fc from 'fast-check'

import { NOTICE_MS, PATIENCE_MS } from '../compliance/harness.ts'
import { seeded } from '../compliance/stress.ts'
import { FabricError } from '../errors.ts'
import { IMMEDIATE_MAX, type Connection } from '../fabric.ts'
import { attach } from '../index.ts'
import { checked, hostNative } from '../native.ts'
import { ACCEPTED, encodeHello, HELLO_BYTES, REFUSED } from '../sockets/handshake.ts'
import { AWAKE, BLOCKED, CONSUMED, layoutOf, LINE_WORDS, ON_LOOP, SLEEP } from './layout.ts'
import { LocalFabric } from './local.ts'

const native = hostNative()
const SECRET = new Uint8Array(32).fill(1)
const GEOMETRY = { outboundBytes: 4096, inboundBytes: 4096, depth: 16, secret: SECRET }

/** The peer is side 0, we are side 1. */
const LAYOUT = layoutOf(GEOMETRY, 0)
const OURS = LAYOUT.lineWord[1]
const THEIRS = LAYOUT.lineWord[0]

interface Attack extends Disposable {
  /** The honest end, and the number of its channel. */
  end: Connection
  id: number
  /** The descriptors of the peer. */
  memory: number
  socket: number
  /** The whole control page, as the peer has it. */
  words: Int32Array
  /** Sends a byte over the connection's socket; returns whether there was room for it. */
  ring(): boolean
  /** Tells the fixture that the socket was ended elsewhere. */
  died(): void
  /** Ends the socket, which is all that the kernel does for a peer that is killed. */
  die(): void
}

async function readable(socket: number): Promise<void> {
  const done = Promise.withResolvers<void>()
  const watch = checked(native.watchStart(socket, done.resolve), 'Cannot watch')
  native.watchReference(watch, 1)
  await done.promise
  native.watchStop(watch)
}

/** A peer that does the handshake by hand and then has the whole segment to scribble over. */
async function attack(): Promise<Attack> {
  const listener = await new LocalFabric().listen(GEOMETRY)
  const socket = checked(native.socketConnect(listener.address), 'Cannot connect')
  native.socketSend(socket, encodeHello(GEOMETRY), null)
  const handle = await listener.accept()
  const end = attach(handle)
  listener.close()
  const descriptors = new Int32Array(1)
  assert.equal(native.socketReceive(socket, new Uint8Array(1), descriptors), 1)
  const page = native.memoryMap(descriptors[0]!, 0, LAYOUT.controlBytes)
  assert.ok(page)
  const memory = descriptors[0]!
  let alive = true
  const die = (): void => {
    if (alive) native.descriptorClose(socket)
    alive = false
  }
  return {
    end,
    id: handle.id,
    memory,
    socket,
    words: new Int32Array(page),
    ring: () => native.socketSend(socket, Uint8Array.of(1), null) === 1,
    died: () => void (alive = false),
    die,
    [Symbol.dispose]() {
      end.close()
      die()
      native.descriptorClose(memory)
      native.memoryDetach(page)
    },
  }
}

/** Calls every method; whatever the page holds, the results must be those that the contract allows. */
function exercise(end: Connection): void {
  const immediate = end.poll()
  assert.ok(Number.isInteger(immediate) && immediate >= -1 && immediate <= IMMEDIATE_MAX, `poll gave ${immediate}`)
  assert.ok(['open', 'lost'].includes(end.state))
  end.takeInterrupt()
  assert.ok(['ready', 'timeout', 'interrupted', 'lost'].includes(end.wait(0)))
  assert.ok(['ready', 'timeout', 'interrupted', 'lost'].includes(end.wait(0.05)))
  end.arm()
  try {
    assert.equal(typeof end.write(0, 4096, 5), 'boolean')
  } catch (error) {
    assert.ok(error instanceof FabricError && error.code === 'lost')
  }
}

describe('a hostile peer', () => {
  it('changes the words of a message after it was polled: what we have is a copy', async () => {
    using attacked = await attack()
    const { end, words } = attacked
    const cell = LAYOUT.ringWord[0]
    words.set([(3 << 1) | 1, 10, 20, 30], cell)
    assert.equal(end.poll(), 3)
    words.fill(-1, cell + 1, cell + 4)
    assert.deepEqual(end.received, Int32Array.of(10, 20, 30))
  })

  it('scribbles over the whole control page all the time, and we neither crash nor spin nor make numbers up', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = seeded(seed)
    using attacked = await attack()
    const { end, words } = attacked
    const window = Buffer.from(end.outbound.slice(0))
    for (let round = 0; round < 3000; round++) {
      if (round % 3 === 0) words.fill(Math.floor(random() * 2 ** 32) | 0)
      else for (let at = 0; at < words.length; at++) words[at] = Math.floor(random() * 2 ** 32) | 0
      try {
        exercise(end)
      } catch (error) {
        throw new Error(`Failed with seed ${seed} in round ${round}`, { cause: error })
      }
    }
    assert.equal(Buffer.compare(Buffer.from(end.outbound.slice(0)), window), 0)
  })

  it('has any CONSUMED: we write no more than depth, and go on when it is true again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer(), { minLength: 1, maxLength: 20 }), async (lies) => {
        using attacked = await attack()
        const { end, words } = attacked
        let written = 0
        while (end.write(0, 1, 7)) written++
        assert.equal(written, GEOMETRY.depth)
        for (const lie of lies) {
          words[THEIRS + CONSUMED] = lie
          for (let times = 0; times < 2 * GEOMETRY.depth && end.write(0, 1, 7); times++) written++
          // Whatever CONSUMED says, it can free no more than depth cells at a time.
          assert.ok(written <= (lies.length + 1) * GEOMETRY.depth)
        }
        words[THEIRS + CONSUMED] = written
        assert.ok(end.write(0, 1, 7))
      }),
      { numRuns: 30 },
    )
  })

  it('has any word in its ring: poll gives an immediate in range or none', async () => {
    using attacked = await attack()
    fc.assert(
      fc.property(fc.integer(), (word) => {
        attacked.words.fill(word, LAYOUT.ringWord[0], LAYOUT.ringWord[1])
        for (let cell = 0; cell < 2 * LAYOUT.cells; cell++) {
          const immediate = attacked.end.poll()
          assert.ok(immediate === -1 || immediate === word >>> 1)
        }
      }),
    )
  })

  it('has any SLEEP word of its own: a write rings in vain and goes on', async () => {
    using attacked = await attack()
    fc.assert(
      fc.property(fc.integer(), (word) => {
        attacked.words[THEIRS + SLEEP] = word
        attacked.words[THEIRS + CONSUMED] = 0
        assert.equal(typeof attacked.end.write(0, 1, 7), 'boolean')
      }),
    )
  })

  it('has any SLEEP word of ours: no wait is longer than its timeout', async () => {
    using attacked = await attack()
    for (const word of [BLOCKED, ON_LOOP, -1, 77]) {
      attacked.words[OURS + SLEEP] = word
      const startMs = performance.now()
      assert.equal(attacked.end.wait(20), 'timeout')
      const tookMs = performance.now() - startMs
      assert.ok(tookMs >= 20, `${tookMs} ms`)
    }
  })
})

describe('a hostile peer that wants us to hang', () => {
  /** True when `onReady` was called in time, else null. */
  async function woken(end: Connection): Promise<true | null> {
    const called = Promise.withResolvers<true>()
    end.onReady = () => called.resolve(true)
    return Promise.race([called.promise, delay(NOTICE_MS, null, { ref: false })])
  }

  it('cannot interrupt us, or make itself lost: arm and write go on whatever is in our line', async () => {
    using attacked = await attack()
    const { end, words } = attacked
    for (let word = 0; word < LINE_WORDS; word++) {
      words[OURS + word] = 1
      assert.equal(end.state, 'open')
      assert.equal(end.takeInterrupt(), false)
      assert.equal(end.wait(0), 'timeout')
      assert.equal(end.arm(), true)
      end.disarm()
    }
    assert.equal(end.write(0, 1, 7), true)
  })

  it('whose CONSUMED never moves: write gives false, in no time', async () => {
    using attacked = await attack()
    let written = 0
    while (attacked.end.write(0, 1, 7)) written++
    assert.equal(written, GEOMETRY.depth)
    for (let times = 0; times < 1000; times++) assert.equal(attacked.end.write(0, 1, 7), false)
  })

  it('that never hears its rings: each write comes back', async () => {
    using attacked = await attack()
    const { end, words } = attacked
    // More rings than a socket has room for.
    for (let written = 1; written <= 5000; written++) {
      words[THEIRS + SLEEP] = ON_LOOP
      assert.equal(end.write(0, 1, 7), true)
      words[THEIRS + CONSUMED] = written
    }
    assert.equal(end.wakes, 5000)
  })

  it('that rings as often as it can: the event loop turns, armed or not, and a true immediate is heard', async () => {
    using attacked = await attack()
    const { end, words, ring } = attacked
    end.onReady = () => assert.fail('called for nothing')
    for (const armed of [true, false]) {
      assert.ok(end.arm())
      if (!armed) end.disarm()
      while (ring()) continue
      for (let turn = 0; turn < 20; turn++) {
        await setImmediate()
        ring()
      }
    }
    assert.ok(end.arm())
    const called = woken(end)
    words[LAYOUT.ringWord[0]] = (9 << 1) | 1
    ring()
    assert.equal(await called, true)
    assert.equal(end.poll(), 9)
  })

  it('that takes our sleep back without a ring, and is killed: we wake all the same', async () => {
    for (const sleep of [AWAKE, BLOCKED, ON_LOOP, 77]) {
      using attacked = await attack()
      const { end, words } = attacked
      assert.ok(end.arm())
      const called = woken(end)
      words[OURS + SLEEP] = sleep
      attacked.die()
      assert.equal(await called, true)
      assert.equal(end.state, 'lost')
      assert.equal(end.arm(), false)
      assert.equal(end.wait(), 'lost')
    }
  })

  it('that takes our sleep back without a ring, and is killed: who is blocked wakes', async () => {
    using attacked = await attack()
    const { id, words, memory, socket } = attacked
    const killer = new Worker(
      `const { memory, socket, bytes, word, native } = require('node:worker_threads').workerData
       import(native).then(({ hostNative }) => {
         const words = new Int32Array(hostNative().memoryMap(memory, 0, bytes))
         require('node:worker_threads').parentPort.postMessage('ready')
         // Between publishing that it sleeps and sleeping, a thread takes a moment.
         const look = () => (words[word] === ${BLOCKED} ? setTimeout(kill, 50) : setTimeout(look, 1))
         const kill = () => {
           words[word] = ${AWAKE}
           hostNative().descriptorClose(socket)
         }
         look()
       })`,
      {
        eval: true,
        workerData: {
          memory,
          socket,
          bytes: LAYOUT.controlBytes,
          word: OURS + SLEEP,
          native: import.meta.resolve('../native.ts'),
        },
      },
    )
    await once(killer, 'message')
    words[OURS + SLEEP] = BLOCKED
    assert.equal(native.channelWait(id, PATIENCE_MS), 0)
    attacked.died()
    await killer.terminate()
    assert.equal(attacked.end.wait(), 'lost')
  })
})

describe('a hostile listener', () => {
  /** Connects to a listener that gives this answer; returns the outcome, and asserts that no descriptor is left. */
  async function connectTo(answer: Uint8Array, descriptors: Int32Array | null): Promise<unknown> {
    const address = `rfaas-test-hostile-${process.pid}`
    const listening = checked(native.socketListen(address), 'Cannot listen')
    const before = readdirSync('/proc/self/fd').length
    const connecting = new LocalFabric().connect(address, { ...GEOMETRY, timeoutMs: PATIENCE_MS }).then(
      (end) => end.close(),
      (error: unknown) => error,
    )
    await readable(listening)
    const socket = checked(native.socketAccept(listening), 'Cannot accept')
    await readable(socket)
    assert.equal(native.socketReceive(socket, new Uint8Array(HELLO_BYTES), new Int32Array(1)), HELLO_BYTES)
    native.socketSend(socket, answer, descriptors)
    native.descriptorClose(socket)
    const outcome = await connecting
    assert.equal(readdirSync('/proc/self/fd').length, before, 'a descriptor was left open')
    native.descriptorClose(listening)
    return outcome
  }

  const failsWith = (error: unknown, ...codes: string[]): void => {
    assert.ok(error instanceof FabricError, String(error))
    assert.ok(codes.includes(error.code), error.message)
  }

  it('gives no descriptor, too many, or an answer that is none', async () => {
    const memory = native.memoryCreate(LAYOUT.totalBytes)
    failsWith(await connectTo(Uint8Array.of(ACCEPTED), null), 'unreachable')
    failsWith(await connectTo(Uint8Array.of(ACCEPTED), Int32Array.of(memory, memory)), 'unreachable')
    failsWith(await connectTo(Uint8Array.of(ACCEPTED), new Int32Array(4).fill(memory)), 'unreachable')
    failsWith(await connectTo(Uint8Array.of(99), Int32Array.of(memory)), 'unreachable')
    failsWith(await connectTo(Uint8Array.of(REFUSED), Int32Array.of(memory)), 'refused')
    failsWith(await connectTo(new Uint8Array(0), null), 'unreachable')
    native.descriptorClose(memory)
  })

  it('gives memory that is too short, can shrink, or is none', async () => {
    const socket = native.socketListen(`rfaas-test-none-${process.pid}`)
    const short = native.memoryCreate(LAYOUT.totalBytes - 4096)
    const shorter = native.memoryCreate(64)
    const whole = native.memoryCreate(LAYOUT.totalBytes)
    const path = `/dev/shm/rfaas-test-${process.pid}`
    const unsealed = openSync(path, 'w+')
    unlinkSync(path)
    ftruncateSync(unsealed, LAYOUT.totalBytes)
    const device = openSync('/dev/zero', 'r+')
    for (const memory of [short, shorter, unsealed, socket, device]) {
      failsWith(await connectTo(Uint8Array.of(ACCEPTED), Int32Array.of(memory)), 'system')
    }
    assert.equal(await connectTo(Uint8Array.of(ACCEPTED), Int32Array.of(whole)), undefined)
    for (const descriptor of [socket, short, shorter, whole]) native.descriptorClose(descriptor)
    for (const descriptor of [unsealed, device]) closeSync(descriptor)
  })
})
