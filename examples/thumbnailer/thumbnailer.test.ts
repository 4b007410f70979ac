/** On a small photograph. Skipped only where the packages cannot be installed. */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { local } from 'rfaas'
import { compare, waysFor } from '../beside-piscina/compare.ts'
import { reasonToSkip } from '../beside-piscina/test-packages.ts'

const SMALL = { width: 800, height: 600 }
const skip = await reasonToSkip(new URL('./', import.meta.url))

test('thumbnails are the same in this thread, on piscina and on leased workers', { skip }, async () => {
  const { Thumbnailer } = await import('./job.ts')
  const { makePhoto } = await import('./photo.ts')
  await using cluster = await local({ cores: availableParallelism(), pool: 0 })
  const job = await Thumbnailer.make(3, await makePhoto(SMALL))
  const { calls, measured, check } = await compare(job, cluster, 1, new AbortController().signal)
  assert.equal(calls, 3)
  assert.deepEqual(
    measured.map(({ kind, workers }) => ({ kind, workers })),
    waysFor(),
  )
  assert.ok(measured.every(({ callsPerS }) => callsPerS > 0))
  assert.equal(check, 'checked: each is a JPEG of 200 × 150 pixels, the same in all ways')
})

test('a photograph larger than a slot of the default size reaches leased workers', { skip }, async () => {
  const { Thumbnailer } = await import('./job.ts')
  const { openAlone, openLease } = await import('../beside-piscina/pools.ts')
  const { assertSame } = await import('../beside-piscina/compare.ts')
  const job = await Thumbnailer.make(2, null)
  assert.ok(job.inputs[0]!.length > 1.5e6 && job.inputs[0]!.length < 2.5e6, `${job.inputs[0]!.length} bytes`)
  await using alone = await openAlone(job)
  await using cluster = await local({ cores: 1, pool: 0 })
  const expected = await alone.call(job.inputs[0]!)
  for (const fabric of ['local', 'tcp'] as const) {
    await using leased = await openLease(job, cluster, fabric, 1)
    const results = await Promise.all(job.inputs.map((input) => leased.call(input)))
    assertSame(results, [expected, expected], { kind: fabric, workers: 1 })
  }
})

test('the same photograph is made at every time', { skip }, async () => {
  const { makePhoto } = await import('./photo.ts')
  assert.deepEqual(await makePhoto(SMALL), await makePhoto(SMALL))
})

test('a wrong thumbnail and a file that is no image are found', { skip }, async () => {
  const { Thumbnailer } = await import('./job.ts')
  const { makePhoto } = await import('./photo.ts')
  const photo = await makePhoto(SMALL)
  const job = await Thumbnailer.make(1, photo)
  await assert.rejects(job.check([photo]), {
    code: 'internal',
    message: /Thumbnail 0 is wrong: a jpeg of 800 × 600 pixels/,
  })
  await assert.rejects(Thumbnailer.make(1, new TextEncoder().encode('no image')), {
    code: 'invalid_argument',
    message: /Cannot make thumbnails of this file: .+/,
  })
})
