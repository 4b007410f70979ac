import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, readdirSync, unlinkSync } from 'node:fs'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { seeded } from '../compliance/stress.ts'
import { FabricError } from '../errors.ts'
import { IMMEDIATE_MAX, type Connection } from '../fabric.ts'
import { attach } from '../index.ts'
import { checked, localNative } from '../native.ts'
import { ACCEPTED, encodeHello, HELLO_BYTES } from './handshake.ts'
import { BLOCKED, CONSUMED, layoutOf, ON_LOOP, SLEEP } from './layout.ts'
import { LocalFabric } from './local.ts'

const native = localNative()
const SECRET = new Uint8Array(32).fill(1)
const GEOMETRY = { outboundBytes: 4096, inboundBytes: 4096, depth: 16, secret: SECRET }

/** The peer is side 0, we are side 1. */
const LAYOUT = layoutOf(GEOMETRY, 0)
const OURS = LAYOUT.lineWord[1]
const THEIRS = LAYOUT.lineWord[0]

interface Attack extends Disposable {
  /** The honest end. */
  end: Connection
  /** The whole control page, as the peer has it. */
  words: Int32Array
}

async function readable(socket: number): Promise<void> {
  const done = Promise.withResolvers<void>()
  const watch = checked(native.watchStart(socket, 0, done.resolve), 'Cannot watch')
  native.watchReference(watch, 1)
  await done.promise
  native.watchStop(watch)
}

/** A peer that does the handshake by hand and then has the whole segment to scribble over. */
async function attack(): Promise<Attack> {
  const listener = await new LocalFabric().listen(GEOMETRY)
  const socket = checked(native.socketConnect(listener.address), 'Cannot connect')
  native.socketSend(socket, encodeHello(GEOMETRY), null)
  const end = attach(await listener.accept())
  listener.close()
  const descriptors = new Int32Array(3)
  assert.equal(native.socketReceive(socket, new Uint8Array(1), descriptors), 1)
  const page = native.memoryMap(descriptors[0]!, 0, LAYOUT.controlBytes)
  assert.ok(page)
  for (const descriptor of descriptors) native.descriptorClose(descriptor)
  return {
    end,
    words: new Int32Array(page),
    [Symbol.dispose]() {
      end.close()
      native.descriptorClose(socket)
      native.memoryDetach(page)
    },
  }
}

/** Calls everything; what comes back must be what the contract says, whatever the page holds. */
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
          // Whatever it says, it can free no more than depth at a time.
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
      assert.ok(tookMs >= 20 && tookMs < 520, `${tookMs} ms`)
    }
  })
})

describe('a hostile listener', () => {
  /** Connects to a listener that answers so; what comes of it, and whether a descriptor was left. */
  async function connectTo(answer: Uint8Array, descriptors: Int32Array | null): Promise<unknown> {
    const address = `rfaas-test-hostile-${process.pid}`
    const listening = checked(native.socketListen(address), 'Cannot listen')
    const before = readdirSync('/proc/self/fd').length
    const connecting = new LocalFabric().connect(address, { ...GEOMETRY, timeoutMs: 1000 }).then(
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

  it('gives no descriptors, too few, or an answer that is none', async () => {
    const event = native.eventCreate()
    failsWith(await connectTo(Uint8Array.of(ACCEPTED), null), 'unreachable')
    failsWith(await connectTo(Uint8Array.of(ACCEPTED), Int32Array.of(event, event)), 'unreachable')
    failsWith(await connectTo(Uint8Array.of(99), Int32Array.of(event, event, event)), 'unreachable')
    failsWith(await connectTo(new Uint8Array(0), null), 'unreachable')
    native.descriptorClose(event)
  })

  it('gives memory that is too short, can shrink, or is none', async () => {
    const event = native.eventCreate()
    const short = native.memoryCreate(LAYOUT.totalBytes - 4096)
    const shorter = native.memoryCreate(64)
    const whole = native.memoryCreate(LAYOUT.totalBytes)
    const path = `/dev/shm/rfaas-test-${process.pid}`
    const unsealed = openSync(path, 'w+')
    unlinkSync(path)
    ftruncateSync(unsealed, LAYOUT.totalBytes)
    for (const memory of [short, shorter, unsealed, event]) {
      failsWith(await connectTo(Uint8Array.of(ACCEPTED), Int32Array.of(memory, event, event)), 'system')
    }
    assert.equal(await connectTo(Uint8Array.of(ACCEPTED), Int32Array.of(whole, event, event)), undefined)
    for (const descriptor of [event, short, shorter, whole]) native.descriptorClose(descriptor)
    closeSync(unsealed)
  })
})
