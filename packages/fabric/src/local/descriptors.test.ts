import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { it } from 'node:test'

import { pair } from '../compliance/harness.ts'
import { LocalFabric } from './local.ts'

it('an end of a connection has one descriptor, also when it is armed', async () => {
  const harness = { fabric: new LocalFabric(), separate: false, countsDepth: true }
  const descriptors = (): number => readdirSync('/proc/self/fd').length
  // The first connection opens what a process opens once.
  ;(await pair(harness))[Symbol.dispose]()
  const before = descriptors()
  using ends = await pair(harness)
  for (const end of [ends.near, ends.far]) assert.ok(end.arm())
  assert.equal(descriptors() - before, 2)
})
