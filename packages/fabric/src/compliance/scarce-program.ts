/**
 * The program that lacks descriptors: it has a low limit and uses all of them up. Ends with 0 unless something breaks.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

import { FabricError } from '../errors.ts'
import type { Connection } from '../fabric.ts'
import { dieWithParent } from '../host.ts'
import { attach, openFabric, prepareFabric } from '../index.ts'
import { receive } from './drive.ts'
import { mirrored } from '../geometry.ts'
import { NOTICE_MS, SECRET, SMALL } from './harness.ts'
import type { ScarceSpec } from './scarce-spec.ts'

const spec = JSON.parse(process.argv[2]!) as ScarceSpec
const fabric = openFabric(spec.fabric)
const descriptors = (): number => readdirSync('/proc/self/fd').length

/** Uses up all descriptors except `left`, until the end of the scope. */
function exhaust(left = 0): Disposable {
  const held: number[] = []
  try {
    for (;;) held.push(openSync('/dev/null', 'r'))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE')
  }
  const release = (): void => held.splice(0).forEach((descriptor) => closeSync(descriptor))
  for (const descriptor of held.splice(0, left)) closeSync(descriptor)
  return { [Symbol.dispose]: release }
}

/** Opens both ends, sends something, and closes them. */
async function tryPair(timeoutMs: number): Promise<void> {
  const ends: Connection[] = []
  const over = new AbortController()
  const listener = await fabric.listen({ ...mirrored(SMALL), secret: SECRET, host: spec.host })
  try {
    const attaching = listener.accept().then(attach)
    attaching.then((far) => ends.push(far)).catch(() => undefined)
    const near = await fabric.connect(listener.address, { ...SMALL, secret: SECRET, timeoutMs })
    ends.push(near)
    const far = await Promise.race([attaching, delay(timeoutMs, null, { signal: over.signal }).catch(() => null)])
    if (far === null) return
    near.write(0, 16, 5)
    assert.equal(await receive(far, near), 5)
  } finally {
    over.abort()
    listener.close()
    for (const end of ends) end.close()
  }
}

/**
 * Opens with no descriptor left, with one, and so on: each try either works or throws an error that says what is
 * lacking.
 */
async function openWithFew(each: (left: number) => Promise<void>): Promise<void> {
  for (let left = 0; left < spec.descriptorsMax; left++) {
    try {
      using _ = exhaust(left)
      await tryPair(200)
    } catch (error) {
      if (!(error instanceof FabricError)) throw error
    }
    await each(left)
  }
  await tryPair(NOTICE_MS)
}

async function open(): Promise<void> {
  // The first pass also lacks what a process opens only once, and must retry it.
  await openWithFew(async () => undefined)
  const before = descriptors()
  await openWithFew(async (left) => {
    const endMs = performance.now() + 2 * NOTICE_MS
    while (descriptors() > before && performance.now() < endMs) await delay(10)
    assert.equal(descriptors(), before, `with ${left} descriptors left, some stay open`)
  })
}

/** Makes a peer wait for a listener that lacks descriptors. */
async function acceptWithNone(): Promise<void> {
  const listener = await fabric.listen({ ...mirrored(SMALL), secret: SECRET, host: spec.host })
  const accepting = listener.accept()
  {
    using _ = exhaust()
    process.send!({ address: listener.address })
    await once(process, 'message')
    const loops = performance.nodeTiming.uvMetricsInfo.loopCount
    await delay(400)
    process.send!({ loops: performance.nodeTiming.uvMetricsInfo.loopCount - loops })
  }
  const end = attach(await accepting)
  process.send!({ accepted: true })
  await once(process, 'message')
  end.close()
  listener.close()
}

dieWithParent()
prepareFabric(spec.fabric)
await (spec.does === 'open' ? open() : acceptWithNone())
process.disconnect?.()
