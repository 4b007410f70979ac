import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { SECRET_BYTES, type Geometry } from '../fabric.ts'
import { DEPTH_MAX, mirrored, WINDOW_BYTES_MAX } from '../geometry.ts'
import { acceptsGreeting, GREETING_BYTES, greetingOf } from './greeting.ts'

type Options = Geometry & { secret: Uint8Array }

const options = fc.record<Options>({
  outboundBytes: fc.integer({ min: 1, max: WINDOW_BYTES_MAX }),
  inboundBytes: fc.integer({ min: 1, max: WINDOW_BYTES_MAX }),
  depth: fc.integer({ min: 1, max: DEPTH_MAX }),
  slotBytes: fc.integer({ min: 0, max: WINDOW_BYTES_MAX / 64 }).map((lines) => 64 * lines),
  secret: fc.uint8Array({ minLength: SECRET_BYTES, maxLength: SECRET_BYTES }),
})

describe('acceptsGreeting', () => {
  it('takes the greeting of the mirrored geometry with the secret', () => {
    fc.assert(fc.property(options, (shown) => assert.ok(acceptsGreeting(greetingOf(shown), mirrored(shown)))))
  })

  it('refuses a greeting in which any bit is another', () => {
    fc.assert(
      fc.property(options, fc.nat(GREETING_BYTES * 8 - 1), (shown, bit) => {
        const greeting = greetingOf(shown)
        greeting[bit >> 3]! ^= 1 << (bit & 7)
        assert.equal(acceptsGreeting(greeting, mirrored(shown)), false)
      }),
    )
  })

  it('refuses a geometry that differs in one number', () => {
    const names = fc.constantFrom('outboundBytes', 'inboundBytes', 'depth', 'slotBytes')
    fc.assert(
      fc.property(options, names, fc.integer({ min: 1, max: DEPTH_MAX }), (shown, name, other) => {
        fc.pre(shown[name] !== other)
        assert.equal(acceptsGreeting(greetingOf({ ...shown, [name]: other }), mirrored(shown)), false)
      }),
    )
  })

  it('refuses the all-zero greeting that stands for one of another length', () => {
    fc.assert(
      fc.property(options, (expected) => {
        fc.pre(expected.secret.some((byte) => byte !== 0))
        assert.equal(acceptsGreeting(new Uint8Array(GREETING_BYTES), expected), false)
      }),
    )
  })

  it('fits into what rdma_cm carries besides the window: 56 bytes, of which verbs takes one', () => {
    const windowBytes = 16
    assert.ok(GREETING_BYTES + windowBytes <= 55)
  })
})
