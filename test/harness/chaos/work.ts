import { strict as assert } from 'node:assert'
import { RfaasError, type Lease, type Slot } from 'rfaas'

import type * as Functions from '../functions.ts'
import type { Random } from './random.ts'

/** One invocation or a related group, with a check of the results. */
export type Piece = (lease: Lease<typeof Functions>, random: Random) => Promise<void>

const inverted = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => ~byte)

/** null when all slots are in use. */
function reserve(lease: Lease<typeof Functions>, byteLength: number): Slot | null {
  try {
    return lease.reserve(byteLength)
  } catch (error) {
    if (error instanceof RfaasError && error.code === 'queue_full') return null
    throw error
  }
}

/** Everything random is chosen before the first `await`, so that the seed alone determines it. */
export const PIECES: readonly Piece[] = [
  async (lease, random) => {
    const [a, b] = [random.whole(-1e6, 1e6), random.whole(-1e6, 1e6)]
    assert.equal(await lease.call.add(a, b), a + b)
  },
  async (lease, random) => {
    const text = `text ${random.whole(0, 1e6)}`
    assert.deepEqual(await lease.call.greet(text, { loud: true }), { text: text.toUpperCase(), at: new Date(0) })
  },
  async (lease, random) => {
    const value = { n: random.whole(0, 1e6) }
    assert.deepEqual(await lease.call.later(random.whole(1, random.pick([10, 50, 400])), value), value)
  },
  async (lease, random) => {
    const inputs = Array.from({ length: 16 }, () => random.whole(0, 1e6))
    assert.deepEqual(await lease.map.double(inputs), inputs.map((n) => 2 * n)) // prettier-ignore
  },
  async (lease, random) => {
    const input = random.bytes(4 * random.whole(0, 1024))
    assert.deepEqual(await lease.call.invert(input), inverted(input))
  },
  async (lease, random) => {
    const input = random.bytes(random.whole(0, 1024))
    assert.deepEqual(await lease.call.invertLater(input), inverted(input))
  },
  async (lease, random) => {
    const input = random.bytes(64)
    const reserved = reserve(lease, input.length)
    if (reserved === null) return
    using slot = reserved
    slot.input.set(input)
    assert.deepEqual(Uint8Array.from(await lease.invoke('invertLater', slot)), inverted(input))
  },
  async (lease, random) => {
    const message = `asked to ${random.whole(0, 1e6)}`
    const error: unknown = await lease.call.failLater(message).then(
      () => assert.fail('failLater gave a result'),
      (thrown: unknown) => thrown,
    )
    if (!(error instanceof RfaasError) || error.code !== 'function_failed') throw error
    assert.match(error.message, new RegExp(`RangeError: ${message}`))
  },
]
