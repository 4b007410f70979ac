import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { SECRET_BYTES } from '../fabric.ts'
import { DEPTH_MAX, mirrored, WINDOW_BYTES_MAX } from '../geometry.ts'
import { acceptsHello, encodeHello, HELLO_BYTES, type Hello } from './handshake.ts'

const hellos = fc.record<Hello>({
  outboundBytes: fc.integer({ min: 1, max: WINDOW_BYTES_MAX }),
  inboundBytes: fc.integer({ min: 1, max: WINDOW_BYTES_MAX }),
  depth: fc.integer({ min: 1, max: DEPTH_MAX }),
  slotBytes: fc.integer({ min: 0, max: WINDOW_BYTES_MAX / 64 }).map((lines) => 64 * lines),
  secret: fc.uint8Array({ minLength: SECRET_BYTES, maxLength: SECRET_BYTES }),
})

const NO_SLOTS = { outboundBytes: 1, inboundBytes: 1, depth: 1, slotBytes: 0 }

describe('acceptsHello', () => {
  it('takes the greeting of the mirrored geometry with the secret', () => {
    fc.assert(
      fc.property(hellos, (hello) => {
        const bytes = encodeHello(hello)
        assert.equal(bytes.length, HELLO_BYTES)
        assert.ok(acceptsHello(bytes, mirrored(hello)))
      }),
    )
  })

  it('refuses a greeting in which any bit is another', () => {
    fc.assert(
      fc.property(hellos, fc.nat(HELLO_BYTES * 8 - 1), (hello, bit) => {
        const bytes = encodeHello(hello)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        assert.equal(acceptsHello(bytes, mirrored(hello)), false)
      }),
      // The sign of a zero.
      { examples: [[{ ...NO_SLOTS, secret: new Uint8Array(SECRET_BYTES) }, HELLO_BYTES * 8 - 1]] },
    )
  })

  it('refuses a geometry that is not mirrored', () => {
    fc.assert(
      fc.property(hellos, (hello) => {
        fc.pre(hello.inboundBytes !== hello.outboundBytes)
        assert.equal(acceptsHello(encodeHello(hello), hello), false)
      }),
    )
  })

  it('refuses a greeting of another length', () => {
    fc.assert(
      fc.property(hellos, fc.nat(2 * HELLO_BYTES), (hello, length) => {
        fc.pre(length !== HELLO_BYTES)
        const bytes = new Uint8Array(length)
        bytes.set(encodeHello(hello).subarray(0, length))
        assert.equal(acceptsHello(bytes, mirrored(hello)), false)
      }),
    )
  })

  it('reads a greeting that lies anywhere in a buffer', () => {
    fc.assert(
      fc.property(hellos, fc.nat(16), (hello, offset) => {
        const bytes = new Uint8Array(HELLO_BYTES + 16)
        bytes.set(encodeHello(hello), offset)
        assert.ok(acceptsHello(bytes.subarray(offset, offset + HELLO_BYTES), mirrored(hello)))
      }),
    )
  })
})
