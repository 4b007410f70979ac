import assert from 'node:assert/strict'
import { it } from 'node:test'

import type { FabricErrorCode } from '../errors.ts'
import type { ConnectOptions, Geometry } from '../fabric.ts'
import { attach, FabricError } from '../index.ts'
import { receive } from './drive.ts'
import { listen, pair, SECRET, SMALL, type Harness } from './harness.ts'

/** A check of the error's code, for `assert.rejects` and `assert.throws`. */
export function code(...codes: FabricErrorCode[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof FabricError, `not a FabricError: ${String(error)}`)
    assert.ok(codes.includes(error.code), `code ${error.code}, expected ${codes.join(' or ')}: ${error.message}`)
    return true
  }
}

const options = (change: Partial<ConnectOptions> = {}): ConnectOptions => ({ ...SMALL, secret: SECRET, ...change })

const WRONG_NUMBERS = [0, -1, 1.5, NaN, Infinity, 2 ** 53]

export function testConnecting(harness: Harness): void {
  const { fabric } = harness

  /** Asserts that a listener still accepts a valid peer. */
  async function assertListens(listener: Awaited<ReturnType<typeof listen>>): Promise<void> {
    const accepting = listener.accept()
    const near = await fabric.connect(listener.address, options())
    const far = attach(await accepting)
    near.write(0, 0, 77)
    assert.equal(await receive(far, near), 77)
    near.close()
    far.close()
  }

  it('connect: gives windows of exactly the asked sizes, empty', async () => {
    const geometry: Geometry = { outboundBytes: 5000, inboundBytes: 70_001, depth: 3 }
    using ends = await pair(harness, geometry)
    for (const [end, outboundBytes, inboundBytes] of [
      [ends.near, 5000, 70_001],
      [ends.far, 70_001, 5000],
    ] as const) {
      assert.equal(end.fabric, fabric.name)
      assert.equal(end.state, 'open')
      assert.equal(end.outbound.byteLength, outboundBytes)
      assert.equal(end.inbound.byteLength, inboundBytes)
      assert.ok(new Uint8Array(end.inbound).every((byte) => byte === 0))
    }
  })

  it('connect: a wrong secret is refused, the listener goes on', async () => {
    using listener = await listen(harness)
    for (const place of [0, 31]) {
      const secret = SECRET.with(place, SECRET[place]! ^ 1)
      await assert.rejects(fabric.connect(listener.address, options({ secret })), code('refused'))
    }
    await assertListens(listener)
  })

  it('connect: another geometry is refused, the listener goes on', async () => {
    using listener = await listen(harness, { outboundBytes: 4096, inboundBytes: 8192, depth: 16 })
    for (const wrong of [
      { outboundBytes: 4097, inboundBytes: 8192, depth: 16 },
      { outboundBytes: 4096, inboundBytes: 8191, depth: 16 },
      { outboundBytes: 4096, inboundBytes: 8192, depth: 17 },
      { outboundBytes: 8192, inboundBytes: 4096, depth: 16 },
    ]) {
      await assert.rejects(fabric.connect(listener.address, options(wrong)), code('refused'))
    }
  })

  it('connect, listen: numbers and secrets out of range are refused at the door', async () => {
    using listener = await listen(harness)
    const wrong = [
      ...(['outboundBytes', 'inboundBytes', 'depth'] as const).flatMap((name) =>
        WRONG_NUMBERS.map((value) => options({ [name]: value })),
      ),
      options({ secret: SECRET.subarray(1) }),
      options({ depth: 4097 }),
      options({ outboundBytes: 2 ** 31 + 1 }),
    ]
    for (const bad of wrong) {
      await assert.rejects(fabric.connect(listener.address, bad), code('invalid_argument'))
      await assert.rejects(fabric.listen(bad), code('invalid_argument'))
    }
    for (const timeoutMs of [-1, NaN]) {
      await assert.rejects(fabric.connect(listener.address, options({ timeoutMs })), code('invalid_argument'))
    }
    const near = await fabric.connect(listener.address, options({ timeoutMs: Infinity }))
    near.close()
  })

  it('connect: nobody there is unreachable, soon', async () => {
    using listener = await listen(harness)
    listener.close()
    // A connect without a limit would wait for ever for an answer.
    await assert.rejects(fabric.connect(listener.address, options({ timeoutMs: Infinity })), code('unreachable'))
    await assert.rejects(
      fabric.connect('nonsense', options({ timeoutMs: Infinity })),
      code('unreachable', 'invalid_argument'),
    )
  })

  it('connect: gives up on a silent listener after timeoutMs', { skip: !harness.silentListener }, async () => {
    const silent = await harness.silentListener!()
    const startMs = performance.now()
    await assert.rejects(fabric.connect(silent.address, options({ timeoutMs: 150 })), code('unreachable'))
    const tookMs = performance.now() - startMs
    assert.ok(tookMs >= 149, `gave up after ${tookMs} ms`)
    silent.close()
  })

  it('listen: garbage does not hurt the next good peer', { skip: !harness.sayGarbage }, async () => {
    using listener = await listen(harness)
    for (let times = 0; times < 3; times++) await harness.sayGarbage!(listener.address)
    await assertListens(listener)
  })

  it('accept: gives peers in the order they came, asked before or after', async () => {
    using listener = await listen(harness)
    const first = listener.accept()
    const near = [await fabric.connect(listener.address, options())]
    for (let more = 0; more < 9; more++) near.push(await fabric.connect(listener.address, options()))
    const far = [attach(await first)]
    for (let more = 0; more < 9; more++) far.push(attach(await listener.accept()))
    for (const [index, end] of near.entries()) end.write(0, 0, index)
    for (const [index, end] of far.entries()) assert.equal(await receive(end, near[index]!), index)
    for (const end of [...near, ...far]) end.close()
  })

  it('accept: many peers at once each get an end of their own', async () => {
    using listener = await listen(harness)
    const count = 40
    const near = await Promise.all(Array.from({ length: count }, () => fabric.connect(listener.address, options())))
    const far = await Promise.all(near.map(async () => attach(await listener.accept())))
    for (const [index, end] of near.entries()) end.write(0, 0, index)
    const got = await Promise.all(far.map((end) => receive(end)))
    assert.deepEqual(
      got.sort((a, b) => a - b),
      near.map((_, index) => index),
    )
    for (const end of [...near, ...far]) end.close()
  })

  it('attach: a second one is refused, and the first connection does not mind', async () => {
    using ends = await pair(harness)
    assert.throws(() => attach(ends.farHandle), code('closed'))
    ends.near.write(0, 0, 5)
    assert.equal(await receive(ends.far, ends.near), 5)
  })
}
