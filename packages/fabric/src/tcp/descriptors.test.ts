import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { it } from 'node:test'

import { pair } from '../compliance/harness.ts'
import { TcpFabric } from './tcp.ts'

it('an end of a connection has one descriptor, also when it is armed, and a thread one more', async () => {
  const harness = { fabric: new TcpFabric(), separate: true, countsDepth: false }
  const descriptors = (): number => readdirSync('/proc/self/fd').length
  // The first connection opens what a process opens once.
  ;(await pair(harness))[Symbol.dispose]()
  const before = descriptors()
  using ends = await pair(harness)
  for (const end of [ends.near, ends.far]) assert.ok(end.arm())
  assert.equal(descriptors() - before, 3)
  using more = await pair(harness)
  for (const end of [more.near, more.far]) assert.ok(end.arm())
  assert.equal(descriptors() - before, 5)
})
