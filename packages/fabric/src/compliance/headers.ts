import assert from 'node:assert/strict'
import { it } from 'node:test'

import { HEADER_BYTES, HEADER_WORDS, type Connection } from '../fabric.ts'
import { receive } from './drive.ts'
import { pair, type Harness } from './harness.ts'

const DEPTH = 4
const GEOMETRY = { outboundBytes: 16 * HEADER_BYTES, inboundBytes: 16 * HEADER_BYTES, depth: DEPTH }

/** Sends the immediate, with a header that no other has. */
function send(from: Connection, immediate: number): boolean {
  const offset = (immediate % 8) * 2 * HEADER_BYTES
  const at = from.headerOut(offset)
  for (let word = 0; word < HEADER_WORDS; word++) from.headersOut[at + word] = immediate * HEADER_WORDS + word
  return from.write(offset, HEADER_BYTES, immediate)
}

/** That what came with an immediate is the header that {@link send} gave it. */
function checkHeader(to: Connection, immediate: number): void {
  const at = to.headerIn((immediate % 8) * 2 * HEADER_BYTES)
  const words = to.headersIn.slice(at, at + HEADER_WORDS)
  assert.deepEqual(
    words,
    Int32Array.from({ length: HEADER_WORDS }, (_, word) => immediate * HEADER_WORDS + word),
  )
}

export function testHeaders(harness: Harness): void {
  it('headers: each comes with its immediate, both ways, round and round the queue', async () => {
    using ends = await pair(harness, GEOMETRY)
    for (const [from, to] of [
      [ends.near, ends.far],
      [ends.far, ends.near],
    ] as const) {
      for (let immediate = 0; immediate < 5 * DEPTH; immediate++) {
        assert.ok(send(from, immediate))
        assert.equal(await receive(to, from), immediate)
        checkHeader(to, immediate)
      }
    }
  })

  it('headers: as many as may be on their way stay apart, also from one for which there is no room', async () => {
    using ends = await pair(harness, GEOMETRY)
    for (let lap = 0; lap < 5; lap++) {
      const first = lap * 8
      for (let n = 0; n < DEPTH; n++) assert.ok(send(ends.near, first + n))
      if (harness.countsDepth) assert.equal(send(ends.near, first + DEPTH), false)
      for (let n = 0; n < DEPTH; n++) {
        assert.equal(await receive(ends.far, ends.near), first + n)
        checkHeader(ends.far, first + n)
      }
    }
  })

  it('headers: what came last stays until the next poll, however many are written meanwhile', async () => {
    using ends = await pair(harness, GEOMETRY)
    let sent = 0
    while (sent < DEPTH) assert.ok(send(ends.near, sent++))
    for (let lap = 0; lap < 5 * DEPTH; lap++) {
      const immediate = await receive(ends.far, ends.near)
      // There is room for one more now; where writes are not counted it is as many as that all the same.
      assert.ok(send(ends.near, sent++))
      checkHeader(ends.far, immediate)
    }
  })
}
