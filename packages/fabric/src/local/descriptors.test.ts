import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { it } from 'node:test'

import { listen, SECRET, SMALL, type Harness } from '../compliance/harness.ts'
import type { Connection } from '../fabric.ts'
import { attach } from '../index.ts'
import { watchPeer } from '../peer-watch.ts'
import { LocalFabric } from './local.ts'

const harness: Harness = { fabric: new LocalFabric(), separate: false, countsDepth: true }

const descriptors = (): number => readdirSync('/proc/self/fd').length

/** Both ends of a connection, armed; the peer of the accepted one is watched. */
async function open(): Promise<Disposable> {
  using listener = await listen(harness)
  const accepting = listener.accept()
  const near = await harness.fabric.connect(listener.address, { ...SMALL, secret: SECRET })
  const handle = await accepting
  const stop = watchPeer(handle, () => {})
  const ends: Connection[] = [near, attach(handle)]
  for (const end of ends) assert.ok(end.arm())
  return {
    [Symbol.dispose]: () => {
      stop()
      for (const end of ends) end.close()
    },
  }
}

it('an end of a connection has one descriptor, also when it is armed and its peer is watched', async () => {
  // The first connection opens what a process opens once.
  ;(await open())[Symbol.dispose]()
  const before = descriptors()
  using _first = await open()
  // The watch of all peers has one of its own.
  assert.equal(descriptors() - before, 3)
  using _second = await open()
  assert.equal(descriptors() - before, 5)
})
